// Makes elements. Text is always text: nothing from a log is ever read as markup.

/** `h("p", {class: "note", onclick}, "text", child)`. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Replaces what stands in an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}

/** Terms and what they mean, as a list. */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]).flat());
}

/** A button that copies text and says so. */
export function copyButton(text, label = "Copy") {
  const button = h("button", { type: "button", class: "quiet" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it by hand";
    }
    setTimeout(() => (button.textContent = label), 2000);
  });
  return button;
}

/** Whole numbers with thin spaces between thousands. */
export function whole(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** "1 frame", "2 frames". */
export function plural(number, noun, nouns = `${noun}s`) {
  return `${whole(number)} ${number === 1 ? noun : nouns}`;
}
