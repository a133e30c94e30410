const count = element.querySelectorAll("[role=slider]").length;
const most = 2;
const slots = () => [...element.querySelectorAll("[role=slider]")];
const read = () => (Array.isArray(props.value) && props.value.length === count ? [...props.value] : Array(count).fill(1));
let now = read();
let held = null;  // while a button is down: where it went down, where it was last, and the values from before
let rest = 0;

const tell = (index) => {
  const line = element.querySelector(".bars-line");
  if (line && index !== null) line.textContent = `${slots()[index].getAttribute("aria-label")}: × ${now[index].toFixed(2)}`;
};
const paint = () => slots().forEach((slot, index) => {
  slot.style.setProperty("--height", `${(100 * now[index]) / most}%`);
  slot.setAttribute("aria-valuenow", now[index]);
  slot.classList.toggle("moved", now[index] !== 1);
});
const send = (event) => {
  props.value = [...now];
  trigger(event);
  paint();
};
const at = (event) => {
  const all = slots(), box = all[0].parentElement.getBoundingClientRect();
  const index = all.findIndex((one) => event.clientX < one.getBoundingClientRect().right);
  const height = most * (1 - (event.clientY - box.top) / box.height);
  return { index: index < 0 ? count - 1 : index, value: Math.round(100 * Math.min(Math.max(height, 0), most)) / 100 };
};
const line = (from, to) => {
  const [left, right] = from.index <= to.index ? [from, to] : [to, from];
  for (let index = left.index; index <= right.index; index++) {
    const share = right.index === left.index ? 1 : (index - left.index) / (right.index - left.index);
    const value = right.index === left.index ? to.value : left.value + share * (right.value - left.value);
    now[index] = Math.round(100 * value) / 100;
  }
};

element.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".bars") || event.button !== 0) return;
  event.preventDefault();
  element.setPointerCapture(event.pointerId);
  const start = at(event);
  held = { start, last: start, before: [...now] };
  slots()[start.index].focus();
  line(start, start);
  tell(start.index);
  send("input");
});
element.addEventListener("pointermove", (event) => {
  if (!held) return;
  const here = at(event);
  if (event.shiftKey) now = [...held.before];
  line(event.shiftKey ? held.start : held.last, here);
  held.last = here;
  tell(here.index);
  send("input");
});
element.addEventListener("pointerup", () => {
  if (!held) return;
  held = null;
  send("release");
});
element.addEventListener("pointercancel", () => { held = null; });
element.addEventListener("dblclick", (event) => {
  const index = slots().indexOf(event.target.closest("[role=slider]"));
  if (index < 0) return;
  now[index] = 1;
  tell(index);
  send("release");
});
element.addEventListener("keydown", (event) => {
  const index = slots().indexOf(event.target.closest("[role=slider]"));
  const steps = { ArrowUp: 0.01, ArrowDown: -0.01, PageUp: 0.2, PageDown: -0.2, Home: -most, End: most };
  if (index < 0) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    slots()[Math.min(Math.max(index + (event.key === "ArrowRight" ? 1 : -1), 0), count - 1)].focus();
  } else if (event.key in steps || event.key === "Delete") {
    const value = event.key === "Delete" ? 1 : now[index] + steps[event.key];
    now[index] = Math.round(100 * Math.min(Math.max(value, 0), most)) / 100;
    tell(index);
    send("input");
    slots()[index].focus();
    clearTimeout(rest);
    rest = setTimeout(() => send("release"), 250);
  } else return;
  event.preventDefault();
});
element.addEventListener("focusin", (event) => {
  const index = slots().indexOf(event.target.closest("[role=slider]"));
  if (index >= 0) tell(index);
});
watch("value", () => {
  if (held) return;
  now = read();
  paint();
});
paint();
