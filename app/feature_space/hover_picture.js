// The picture of the leaf under the pointer. The page is asked for it once, when the pointer rests on a leaf.

const REST_MS = 80;
const LOOK_MS = 400; // for maps that were drawn anew
const ROOM_PX = 176;

const pictures = new Map(); // of leaves, in base64
const listened = new WeakSet();
let view = null; // of the last call: where to show, whom to ask, which maps
let pointed = null; // {map, row, x, y}, null while the pointer is on no leaf
let rest, look;

const name = ({ map, row }) => `${map} ${row}`;

export default function ({ data, parentElement, setStateValue }) {
  const figure = parentElement.querySelector("figure");
  view = { figure, image: figure.querySelector("img"), maps: data.maps, ask: (leaf) => setStateValue("leaf", leaf) };
  if (data.picture) pictures.set(name(data.pointed), data.picture); // else asked for again: a folder may be named yet
  show();
  clearInterval(look);
  look = setInterval(listen, LOOK_MS);
  listen();
  return () => {
    clearInterval(look);
    leave();
  };
}

function listen() {
  for (const plot of document.querySelectorAll(".st-key-space_body .js-plotly-plot")) {
    if (listened.has(plot) || !plot.on) continue;
    listened.add(plot);
    const which = plot.closest(".st-key-space_beside") ? 1 : 0;
    plot.on("plotly_hover", ({ points, event }) => point(which, points[0].customdata, event));
    plot.on("plotly_unhover", leave);
    plot.addEventListener("pointerdown", leave);
  }
}

function point(which, row, { clientX, clientY }) {
  leave();
  if (!Number.isInteger(row)) return; // a photo of the reader
  pointed = { map: view.maps[which], row, x: clientX, y: clientY };
  if (pictures.has(name(pointed))) show();
  else rest = setTimeout(() => view.ask({ map: pointed.map, row }), REST_MS);
}

function leave() {
  clearTimeout(rest);
  pointed = null;
  show();
}

function show() {
  const picture = pointed && pictures.get(name(pointed));
  view.figure.hidden = !picture;
  if (!picture) return;
  view.image.src = `data:image/jpeg;base64,${picture}`;
  // On the left: the words are on the right. At the edge below them.
  const { x, y } = pointed, hasRoom = x > ROOM_PX;
  view.figure.style.left = `${hasRoom ? x - 16 : x + 16}px`;
  view.figure.style.top = `${hasRoom ? y : y + 40}px`;
  view.figure.style.transform = hasRoom ? "translate(-100%, -50%)" : "none";
}
