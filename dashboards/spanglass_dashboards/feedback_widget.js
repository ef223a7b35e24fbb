// Spanglass: asks whether an answer was helpful, and posts what is said to a signed link.
//   <script src="https://traces.example/feedback/widget.js" defer></script>
//   <spanglass-feedback href="LINK"></spanglass-feedback>
(() => {
  "use strict";
  if (customElements.get("spanglass-feedback")) return;
  const style = new CSSStyleSheet();
  // Through the object model: a strict policy for style elements does not forbid that.
  style.replaceSync(`
    :host { display: inline-block; max-width: 100%; font: inherit; color: inherit }
    .row { display: flex; flex-wrap: wrap; align-items: center; gap: .5em }
    button { min-width: 2.75em; min-height: 2.75em; font: inherit; color: inherit; cursor: pointer;
      background: none; border: 1px solid currentcolor; border-radius: .5em }
    button[aria-pressed="true"] { outline: 2px solid currentcolor; outline-offset: 1px }
    button:focus-visible, textarea:focus-visible { outline: 3px solid; outline-offset: 2px }
    label { display: block; margin-top: .5em }
    textarea { display: block; box-sizing: border-box; width: 24em; max-width: 100%; min-height: 4em;
      margin: .25em 0 .5em; font: inherit; color: inherit; background: none;
      border: 1px solid currentcolor; border-radius: .5em; padding: .5em }
    [hidden] { display: none }`);

  const make = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  customElements.define("spanglass-feedback", class extends HTMLElement {
    connectedCallback() {
      if (this.shadowRoot) return;
      const words = (name, usual) => this.getAttribute(name) || usual;
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [style];
      let thumbs;
      let last = Promise.resolve();
      const said = make("span", { role: "status" });
      const comment = make("textarea", { maxlength: "10000" });
      const more = make("form", { hidden: "" },
        make("label", {}, words("ask", "What should we know? (optional)"), comment),
        make("button", {}, words("send", "Send")));
      // One after another: what is said last has to be what is kept.
      const post = (thanks) => {
        const body = JSON.stringify({ thumbs, comment: comment.value });
        last = last.then(async () => {
          try {
            const answer = await fetch(this.getAttribute("href"), {
              method: "POST", body, headers: { "Content-Type": "application/json" },
              credentials: "omit", keepalive: body.length < 60000,
            });
            if (!answer.ok) throw new Error(String(answer.status));
            said.textContent = thanks;
            this.dispatchEvent(new CustomEvent("feedback", { bubbles: true, detail: { thumbs } }));
          } catch {
            said.textContent = words("failed", "That could not be sent. Try again.");
          }
        });
      };
      const choice = (value, sign, name) => {
        const made = make("button", { type: "button", "aria-label": name, "aria-pressed": "false" }, sign);
        made.addEventListener("click", () => {
          thumbs = value;
          for (const each of [up, down]) each.setAttribute("aria-pressed", String(each === made));
          more.hidden = false;
          post(words("thanks", "Thank you."));
        });
        return made;
      };
      const up = choice("up", "\u{1F44D}", words("up", "Helpful"));
      const down = choice("down", "\u{1F44E}", words("down", "Not helpful"));
      more.addEventListener("submit", (event) => {
        event.preventDefault();
        more.hidden = true;
        post(words("thanks", "Thank you."));
      });
      root.append(make("div", { class: "row", role: "group", "aria-label": words("question", "Was this answer helpful?") }, up, down, said), more);
    }
  });
})();
