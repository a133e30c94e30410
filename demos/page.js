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

  // A double click on a fader goes where its ↺ goes.
  document.addEventListener("dblclick", (event) => {
    if (event.target.matches?.("input[type=range]")) event.target.closest(".block")?.querySelector("[data-testid=reset-button]")?.click();
  });

  const isTyping = (element) => element.matches?.("textarea, [contenteditable=true], input:not([type=range]):not([type=checkbox]):not([type=radio])");
  const press = (suffix) => {
    const button = [...document.querySelectorAll(`button[id$="${suffix}"]`)].find((one) => one.offsetParent && !one.disabled);
    button?.click();
    return Boolean(button);
  };
  const shown = (selector) => [...document.querySelectorAll(selector)].find((one) => one.offsetParent);
  const choose = (suffix, index) => shown(`[id$="${suffix}"]`)?.querySelectorAll("input[type=radio]")[index]?.click();
  document.addEventListener("keydown", (event) => {
    const withCommand = event.ctrlKey || event.metaKey;
    if (withCommand && event.key === "Enter" && press("-run")) event.preventDefault();
    else if (event.key === "Escape" && !document.querySelector("#help dialog")?.open) press("-stop");
    else if (!withCommand && !isTyping(event.target) && event.key === "?") window.mixdeck.help();
    else if (!withCommand && !isTyping(event.target) && "[]".includes(event.key)) choose("-desk-slot", "[]".indexOf(event.key));
    else if (withCommand && event.key.toLowerCase() === "z" && !isTyping(event.target)) {
      if (press(event.shiftKey ? "-desk-redo" : "-desk-undo")) event.preventDefault();
    }
  });

  // The picture is marked the moment a setting moves; the server's next label removes the mark.
  window.mixdeck = {
    stale: (tab) => document.querySelector(`#${tab}-version .version`)?.classList.add("stale"),
    figure: () => {
      const box = shown('[id$="-figure-box"]') ?? shown('[id$="-export-box"]');
      const button = box?.querySelector("button");
      if (button && !button.classList.contains("open")) button.click();
      setTimeout(() => box?.scrollIntoView({ block: "start" }), 200);  // when it has unfolded
    },
    help: () => document.querySelector("#help dialog")?.showModal(),
    copied: (address) => {
      const full = new URL(address, window.location.href.split("?")[0]).href;
      navigator.clipboard?.writeText(full).catch(() => {});  // the text box shows it where copying is not allowed
      return full;
    },
  };

  // The chip opens the recipe of the visible tab; on narrow screens a bar folds and unfolds the desk.
  const unfold = (desk, isOpen) => {
    desk.classList.toggle("open", isOpen);
    desk.querySelector(".desk-switch")?.setAttribute("aria-expanded", String(isOpen));
  };
  document.addEventListener("click", (event) => {
    const bar = event.target.closest?.(".desk-switch");
    if (bar) unfold(bar.closest(".desk"), !bar.closest(".desk").classList.contains("open"));
    if (!event.target.closest?.("#mix-chip")) return;
    // The desk of the visible tab may be folded, and then has no size: its tab has.
    const box = [...document.querySelectorAll('[id$="-desk-recipe-box"]')].find((one) => one.closest(".board")?.offsetParent);
    if (!box) return;
    unfold(box.closest(".desk"), true);
    if (!box.querySelector(".cm-content")?.offsetParent) box.querySelector("button")?.click();
    box.scrollIntoView({ block: "nearest" });
  });
  const chip = document.querySelector("#mix-chip");
  const copyMix = () => document.querySelectorAll(".desk-mix").forEach((one) => {
    one.textContent = chip.innerText.replace(/^mix: /, "").replace(/ · #.*$/, "");
  });
  if (chip) new MutationObserver(copyMix).observe(chip, { childList: true, characterData: true, subtree: true });

  // A file dropped on the head of the page goes the way of the Restore button.
  const head = document.querySelector("#header");
  const hasFile = (event) => event.dataTransfer?.types?.includes("Files");
  for (const name of ["dragover", "dragleave", "drop"]) head?.addEventListener(name, (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    head.classList.toggle("over", name === "dragover");
    const input = [...document.querySelectorAll("input[type=file]")].find((one) => one.closest("#header"));
    if (name !== "drop" || !input) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // Keep sum 1: the other faders of a desk that are not muted give way in proportion, in whole hundredths. One that
  // would leave its range ends there and the rest goes to those that have room; what none can take is told.
  let isGiving = false;
  const set = (fader, value) => {
    fader.value = value;
    fader.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const strips = (desk) => [...desk.querySelectorAll(".strip")].map((strip) => ({
    fader: strip.querySelector("input[type=range]"),
    isMuted: Boolean(strip.querySelectorAll(".flags input[type=checkbox]")[1]?.checked),
  }));
  const total = (values) => values.reduce((sum, one) => sum + one, 0);
  const within = (fader, value) => Math.min(Math.max(value, 100 * fader.min), 100 * fader.max);
  const proportional = (faders, free) => {
    const shares = new Map();
    for (let open = faders; open.length;) {
      const sum = total(open.map((one) => 100 * one.value)), left = free - total([...shares.values()]);
      const parts = open.map((one) => (Math.abs(sum) > 1e-4 ? (left * 100 * one.value) / sum : left / open.length));
      const isEnd = open.map((one, index) => parts[index] !== within(one, parts[index]));
      const isAll = !isEnd.includes(true);
      open.forEach((one, index) => { if (isAll || isEnd[index]) shares.set(one, Math.round(within(one, parts[index]))); });
      open = open.filter((one) => !shares.has(one));
    }
    return shares;
  };
  const giveWay = (desk, moved) => {
    const all = strips(desk).filter((one) => !one.isMuted).map((one) => one.fader);
    if (moved && !all.includes(moved)) return;
    const free = Math.round(100 - 100 * (moved ? Number(moved.value) : 0));
    const shares = proportional(all.filter((one) => one !== moved), free);
    let rest = free - total([...shares.values()]);
    for (const [one, share] of [...shares].sort((left, right) => right[1] - left[1])) {
      shares.set(one, within(one, share + rest));
      rest -= shares.get(one) - share;
    }
    isGiving = true;
    shares.forEach((share, one) => set(one, share / 100));
    isGiving = false;
    const told = rest ? `The sum is ${((100 - rest) / 100).toFixed(2)}: the other faders are at their ends.` : "";
    desk.querySelector(".sum-note").textContent = told;
  };
  const isLocked = (desk) => Boolean(desk?.querySelector('[id$="-desk-lock"] input')?.checked);
  document.addEventListener("input", (event) => {
    const fader = event.target;
    if (isGiving || !fader.matches?.(".strip input[type=range]") || !isLocked(fader.closest(".desk"))) return;
    giveWay(fader.closest(".desk"), fader);
  });
  document.addEventListener("change", (event) => {  // a typed number moves its fader, to a whole hundredth
    const box = event.target, strip = box.closest?.(".strip");
    if (strip && box.matches("input[type=number]") && box.value !== "" && isLocked(strip.closest(".desk"))) {
      set(strip.querySelector("input[type=range]"), box.value);
    }
  });
  document.addEventListener("change", (event) => {
    const desk = event.target.closest?.('[id$="-desk-lock"]')?.closest(".desk");
    if (!desk) return;
    desk.querySelector(".sum-note").textContent = "";
    if (!event.target.checked) return;
    giveWay(desk, null);
    strips(desk)[0]?.fader.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  });
}
