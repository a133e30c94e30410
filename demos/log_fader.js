const knob = () => element.querySelector("input[type=range]");
const box = () => element.querySelector("input[type=number]");
// The stops of byte planes: hundredths, from 1.28 on twentieths.
const stop = (value) => (value < 1.275 ? Math.round(100 * value) / 100 : Math.round(20 * value) / 20);
const catches = JSON.parse(element.querySelector(".log-fader").dataset.catches);
const caught = (place) => (isHeld ? catches.find((one) => Math.abs(one - place) < 0.016) : undefined) ?? place;
const inside = (value, input) => Math.min(Math.max(value, Number(input.min)), Number(input.max));

let isHeld = false;

const tell = () => {
  const fader = knob(), share = (Number(fader.value) - fader.min) / (fader.max - fader.min);
  fader.style.setProperty("--progress", `${100 * share}%`);
  fader.setAttribute("aria-valuetext", props.value);
  box().value = props.value;
};
const paint = () => {
  knob().value = Math.log10(Math.max(props.value, 1e-9));
  tell();
};
element.addEventListener("input", (event) => {
  if (event.target !== knob()) return;
  props.value = inside(stop(10 ** caught(Number(knob().value))), box());
  tell();
  trigger("input");
});
element.addEventListener("change", (event) => {
  if (event.target !== box()) return;
  if (box().value !== "") props.value = inside(Number(box().value), box());
  paint();
  trigger("input");
  trigger("release");
});
element.addEventListener("pointerdown", () => { isHeld = true; });
element.addEventListener("pointerup", (event) => {
  isHeld = false;
  if (event.target === knob() && !knob().disabled) trigger("release");
});
element.addEventListener("dblclick", (event) => {
  if (event.target !== knob() || knob().disabled) return;
  props.value = Number(element.querySelector(".log-fader").dataset.start);
  paint();
  trigger("input");
  trigger("release");
});
const enable = () => [knob(), box()].forEach((one) => { one.disabled = element.classList.contains("off"); });
new MutationObserver(enable).observe(element, { attributes: true, attributeFilter: ["class"] });
watch("value", paint);
paint();
enable();
