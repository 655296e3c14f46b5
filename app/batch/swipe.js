// On a touch screen a swipe over the photo under review goes on: to the left to the next photo, to the right back.
if (!window.hvitSwipes) {
  window.hvitSwipes = true;
  const LEAST_PX = 60;
  let start = null;
  const press = (key) => document.querySelector(`[class*="st-key-${key}"] button:not([disabled])`)?.click();
  document.addEventListener("touchstart", ({ target, touches }) => {
    const isAlone = touches.length === 1 && target.closest?.(".st-key-review_photo");
    start = isAlone ? { x: touches[0].clientX, y: touches[0].clientY } : null;
  }, { passive: true });
  document.addEventListener("touchend", ({ changedTouches }) => {
    if (start === null) return;
    const x = changedTouches[0].clientX - start.x, y = changedTouches[0].clientY - start.y;
    start = null;
    if (Math.abs(x) < LEAST_PX || Math.abs(x) < 2 * Math.abs(y)) return; // scrolling, not a swipe
    press(x < 0 ? "skip_" : "back_");
  }, { passive: true });
}
