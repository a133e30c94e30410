() => {
  // A fader moved by keys fires no release of its own: one is made 250 ms after the last key.
  const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];
  const timers = new WeakMap();
  document.addEventListener("keyup", (event) => {
    const fader = event.target;
    if (!fader.matches?.("input[type=range]") || !keys.includes(event.key)) return;
    clearTimeout(timers.get(fader));
    timers.set(fader, setTimeout(() => fader.dispatchEvent(new PointerEvent("pointerup", { bubbles: true })), 250));
  });

  // A number box is clamped when it is left, after its last event: the value that stays is released once more.
  document.addEventListener("focusout", (event) => {
    if (!event.target.matches?.("input[type=number]")) return;
    const fader = event.target.closest(".block")?.querySelector("input[type=range]");
    if (fader) setTimeout(() => fader.dispatchEvent(new PointerEvent("pointerup", { bubbles: true })), 150);
  });

  const isTyping = (element) => element.matches?.("textarea, [contenteditable=true], input:not([type=range]):not([type=checkbox]):not([type=radio])");
  const press = (suffix) => {
    const button = [...document.querySelectorAll(`button[id$="${suffix}"]`)].find((one) => one.offsetParent && !one.disabled);
    button?.click();
    return Boolean(button);
  };
  document.addEventListener("keydown", (event) => {
    const withCommand = event.ctrlKey || event.metaKey;
    if (withCommand && event.key === "Enter" && press("-run")) event.preventDefault();
    else if (event.key === "Escape") press("-stop");
    else if (withCommand && event.key.toLowerCase() === "z" && !isTyping(event.target)) {
      if (press(event.shiftKey ? "-desk-redo" : "-desk-undo")) event.preventDefault();
    }
  });

  // The picture is marked the moment a setting moves; the server's next label removes the mark.
  window.mixdeck = {
    stale: (tab) => document.querySelector(`#${tab}-version .version`)?.classList.add("stale"),
  };
}
