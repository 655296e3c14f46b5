// The button of a decision goes with its photo, and with it goes the focus: keys would no longer reach the dialog.
if (!window.hvitDialogKeys) {
  window.hvitDialogKeys = true;
  document.addEventListener("keydown", (event) => {
    const dialog = document.querySelector('[role="dialog"]');
    if (dialog === null || (document.activeElement !== document.body && document.activeElement !== null)) return;
    if (event.key === "Escape") dialog.querySelector('button[aria-label="Close"]')?.click();
    if (event.key === "Tab") dialog.querySelector("button:not([disabled]), input")?.focus();
  });
}
