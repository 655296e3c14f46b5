// One entry of the browser's history for each page, with the whole address of that page. Streamlit adds an entry with
// every parameter that the server puts into the address, and takes the parameters of a page out of its address before
// it opens the next one: Back would first undo these one by one, on the same page, and then choose another model.
if (!window.hvitOneEntryAPage) {
  window.hvitOneEntryAPage = true;
  const push = history.pushState;
  let left = location.href; // the address when the reader last clicked: what is left, where that opens another page
  document.addEventListener("click", () => (left = location.href), true);
  history.pushState = function (state, unused, url) {
    const { pathname } = new URL(url ?? "", location.href);
    if (pathname === location.pathname) return history.replaceState(state, unused, url);
    if (new URL(left).pathname === location.pathname) history.replaceState(history.state, "", left);
    return push.call(history, state, unused, url);
  };
}
