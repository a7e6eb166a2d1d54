// <citespan-ask>: asks a Citespan service and shows its answers, quoted and cited, on anyone's page.
// What comes from articles and questions becomes text nodes only.  Attributes, colours, parts, words and
// events are described in docs/integrations/widget.md.
(() => {
  "use strict";
  if (customElements.get("citespan-ask")) return;
  const HOME = new URL(".", document.currentScript?.src || document.baseURI).href;
  const REMEMBERED = 6;
  const HEARD_OUTSIDE = { bubbles: true, composed: true };

  const WORDS = {
    label: "Ask our articles",
    placeholder: "Who, what, when, where, how many …",
    ask: "Ask", again: "Try again", over: "Start over",
    searching: "Looking through the articles …", reading: "Reading {count} passages …",
    answered: "Answer: {answer}", none: "No answer found in the articles.",
    sure: "Right in about {percent} of 100 such cases", page: "page {page}",
    closest: "The closest passages", same: "Said elsewhere too ({count})", others: "Other answers ({count})",
    understood: "Understood as: {question}", earlier: "Earlier questions ({count})",
    key: "The key of this box is not accepted here.",
    forbidden: "This box may not ask here: its key is not for this page or this collection.",
    collection: "There is no such collection.",
    busy: "Too many questions at the moment. Try again in {seconds} seconds.",
    unreachable: "The service cannot be reached: it is not running, or does not allow this page ({origin}).",
    failed: "This did not work: {detail}",
  };

  // By day and by night; each can be set from outside as --citespan-NAME.
  const COLOURS = {
    accent: ["#8a1c2b", "#f0a3ab"], "on-accent": ["#fff", "#2a0a10"], background: ["#fff", "#201e25"],
    color: ["#1d1b18", "#ece8df"], muted: ["#5d574e", "#b0a999"], border: ["#d9d2c3", "#3a3740"],
    mark: ["#ffe9a3", "#6b5410"], "on-mark": ["#1d1b18", "#fff6da"], error: ["#9b1c1c", "#ff9d9d"],
  };
  const colours = (night) => `color-scheme: ${night ? "dark" : "light"}; ` + Object.entries(COLOURS)
    .map(([name, both]) => `--_${name}: var(--citespan-${name}, ${both[night]});`).join(" ");
  // A constructed sheet, since the page's policy may forbid <style> and style="".
  const SHEET = new CSSStyleSheet();
  SHEET.replaceSync(`
    :host { ${colours(0)} display: block; padding: 1em; border: 1px solid var(--_border); line-height: 1.5;
      border-radius: var(--citespan-radius, .6em); background: var(--_background); color: var(--_color);
      font-family: var(--citespan-font, inherit); text-align: start; white-space: normal; overflow-wrap: anywhere; }
    @media (prefers-color-scheme: dark) { :host(:not([theme=light])) { ${colours(1)} } }
    :host([theme=dark]) { ${colours(1)} }
    :host([hidden]), [hidden] { display: none; }
    * { box-sizing: border-box; }
    p, blockquote, ul { margin: .4em 0; }
    label { display: block; font-weight: 600; margin-block-end: .4em; }
    form div { display: flex; flex-wrap: wrap; gap: .5em; }
    input, button { font: inherit; border-radius: var(--citespan-radius, .5em); min-height: 2.75em; padding: .4em .8em; }
    input { flex: 1 1 11em; min-width: 0; color: inherit; background: transparent; border: 1px solid var(--_muted); }
    input::placeholder { color: var(--_muted); opacity: 1; }
    button { cursor: pointer; color: inherit; background: transparent; border: 1px solid var(--_border); }
    button:disabled { opacity: .6; cursor: default; }
    form button { color: var(--_on-accent); background: var(--_accent); border-color: var(--_accent); font-weight: 600; }
    :focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; }
    .status, .cite, .hint, .sure, .understood, summary, .question { color: var(--_muted); font-size: .9em; }
    .heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0; }
    .status:empty { margin: 0; } .turn { margin-block-start: 1em; }
    .answer { font-size: 1.5em; font-weight: 700; line-height: 1.25; }
    blockquote { padding-inline-start: .8em; border-inline-start: 3px solid var(--_accent); }
    .passage { white-space: pre-line; font-size: .95em; max-height: 9em; overflow: auto; }
    mark { background: var(--_mark); color: var(--_on-mark); border-radius: .15em; padding: 0 .1em; }
    a { color: var(--_accent); }
    details { border-block-start: 1px solid var(--_border); margin-block-start: .7em; padding-block-start: .3em; }
    summary { cursor: pointer; padding: .3em 0; }
    .other { padding: .4em 0; } .other + .other { border-block-start: 1px dotted var(--_border); }
    .error { color: var(--_error); font-weight: 600; }
    .strange { font-size: .75em; border: 1px solid var(--_border); border-radius: .2em; }
    @media print { form, button { display: none; } }`);

  const refused = (status, detail, seconds) => Object.assign(new Error(detail), { refused: true, status, seconds });

  // ---- text → nodes

  function make(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") node.addEventListener(key, value);
      else node.setAttribute(key, value);
    }
    // What a page can style has its class for a part.
    if (attributes.class) node.setAttribute("part", attributes.class);
    node.append(...children.filter(Boolean));
    return node;
  }

  // Characters that cannot be seen, or turn the text after them around, are named instead.
  const STRANGE = /([\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff])/;

  function plain(text) {
    const parts = document.createDocumentFragment();
    text.split(STRANGE).forEach((piece, index) => {
      const code = index % 2 && piece.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      if (piece) parts.append(code ? make("span", { class: "strange" }, `U+${code}`) : piece);
    });
    return parts;
  }

  const isolated = (text) => make("bdi", {}, plain(String(text)));

  // The sentence with the answer marked.  Offsets count code points, a string of JavaScript UTF-16 units.
  function quotation({ passage, sentence, start, end }) {
    const points = [...passage.text];
    const length = [...sentence].length;
    const quote = make("blockquote", { class: "quote", dir: "auto" });
    for (let from = Math.max(0, end - length); from <= start; from += 1) {
      if (points.slice(from, from + length).join("") !== sentence) continue;
      const cut = (first, last) => plain(points.slice(first, last).join(""));
      quote.append(cut(from, start), make("mark", { class: "mark" }, cut(start, end)), cut(end, from + length));
      return quote;
    }
    quote.append(plain(sentence));
    return quote;
  }

  // Where the browser can, the link leads to the quoted words in the article's own page.
  function link(url, quoted) {
    let address;
    try { address = new URL(url); } catch { return null; }
    if (!/^https?:$/.test(address.protocol)) return null;
    if (!quoted || address.hash || !("fragmentDirective" in document)) return address.href;
    const words = quoted.trim().split(/\s+/);
    const ends = words.length > 12 ? [words.slice(0, 5), words.slice(-5)] : [words];
    const directive = ends.map((some) => encodeURIComponent(some.join(" ")).replaceAll("-", "%2D")).join(",");
    return `${address.href}#:~:text=${directive}`;
  }

  // ---- the service

  async function send(address, key, body, signal) {
    const headers = { "Content-Type": "application/json" };
    if (key) headers.Authorization = `Bearer ${key}`;
    if (!/^[\x21-\x7e]*$/.test(key || "")) throw refused(401, "no key has such characters");
    const request = { method: "POST", headers, body: JSON.stringify(body), signal, credentials: "omit" };
    const response = await fetch(address, request).catch((error) => {
      throw error.name === "AbortError" ? error : refused(0, error.message, 3);
    });
    if (response.ok) return response;
    const seconds = Number(response.headers.get("Retry-After")) || null;
    const facts = await response.json().catch(() => null);
    // Without a problem document it was not the service that spoke, but something before it.
    throw refused(facts?.status || response.status, facts?.detail || `status ${response.status}`, seconds);
  }

  async function* events(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const [, name, data] = /^event: ([^\n]*)\ndata: ([^\n]*)$/.exec(block) || [];
        if (name) yield [name, JSON.parse(data)];
      }
    }
  }

  // The whole reply; `step` hears what is known before.  Where the stream is cut, it is asked for in one piece.
  async function reply(endpoint, key, body, signal, step) {
    const response = await send(new URL("v1/ask/stream", endpoint), key, body, signal);
    try {
      for await (const [name, data] of events(response)) {
        if (name === "done") return data;
        if (name === "error") throw refused(data.status, data.detail, data.status === 503 ? 5 : null);
        step(name, data);
      }
    } catch (error) {
      if (signal.aborted || error.refused) throw error;
    }
    return (await send(new URL("v1/ask", endpoint), key, body, signal)).json();
  }

  // ---- the element

  class CitespanAsk extends HTMLElement {
    static observedAttributes = ["question", "labels", "placeholder", "lang"];
    #root = this.attachShadow({ mode: "open" });
    #words = WORDS;
    #asking = null;
    #history = [];
    #label = make("label", { for: "question", class: "label" });
    #input = make("input", { id: "question", class: "input", maxlength: 1000, required: "", dir: "auto" });
    #button = make("button", { class: "button" });
    #status = make("p", { class: "status", role: "status", "aria-live": "polite" });
    #turns = make("div", { class: "turns" });
    #earlier = make("details", { class: "earlier", hidden: "" }, make("summary"));
    #over = make("button", { class: "over", type: "button", hidden: "", click: () => this.forget() });

    constructor() {
      super();
      this.#root.adoptedStyleSheets = [SHEET];
      const submit = (event) => {
        event.preventDefault();
        if (this.#input.value.trim()) this.ask(this.#input.value);
      };
      const row = make("div", {}, this.#input, this.#button);
      const form = make("form", { class: "form", autocomplete: "off", submit }, this.#label, row);
      this.#root.append(form, this.#status, this.#turns, this.#earlier, this.#over);
    }

    connectedCallback() {
      this.#draw();
      if (!this.#turns.firstChild) this.#begin(); // not again where it is only moved
    }

    disconnectedCallback() { this.#asking?.abort(); }

    attributeChangedCallback(name, before, now) {
      if (!this.isConnected || before === now) return;
      if (name !== "question") this.#draw();
      else if (this.#label.textContent) this.#begin(); // while it is made, connectedCallback does
    }

    /** Asks a question as if it had been typed; resolves to the reply, or to null where there is none. */
    async ask(question) {
      this.#asking?.abort();
      const own = (this.#asking = new AbortController());
      const asked = [...String(question).trim()].slice(0, 1000).join("");
      this.#input.value = asked;
      const turn = make("section", { class: "turn", "aria-busy": "true" });
      this.#fold();
      this.#turns.replaceChildren(turn);
      this.#say("searching");
      try {
        const key = this.getAttribute("key");
        const found = await reply(this.#endpoint(), key, this.#body(asked), own.signal, (name, data) => {
          if (name === "retrieved") this.#say("reading", { count: data.passages.length });
          else if (name === "answer") this.#show(turn, data, false);
        });
        this.#show(turn, found);
        this.#say(found.answered ? "answered" : "none", { answer: found.answer }, "heard");
        this.#remember(found);
        this.dispatchEvent(new CustomEvent("citespan-answer", { ...HEARD_OUTSIDE, detail: found }));
        return found;
      } catch (error) {
        if (this.#asking === own) this.#status.textContent = "";
        if (own.signal.aborted) turn.remove();
        else this.#refuse(turn, error, asked);
        return null;
      } finally {
        turn.removeAttribute("aria-busy");
      }
    }

    /** Forgets the conversation, and empties the box. */
    forget() {
      this.#asking?.abort();
      this.#history = [];
      this.#turns.replaceChildren();
      this.#earlier.replaceChildren(make("summary"));
      this.#earlier.hidden = this.#over.hidden = true;
      this.#status.textContent = this.#input.value = "";
      this.#input.focus();
    }

    focus(options) { this.#input.focus(options); }

    #begin() {
      const question = this.getAttribute("question")?.trim();
      if (question) this.ask(question);
    }

    #word(name, facts = {}) {
      return String(this.#words[name]).replace(/\{(\w+)\}/g, (whole, fact) => facts[fact] ?? whole);
    }

    #draw() {
      let own = {};
      try { own = JSON.parse(this.getAttribute("labels")); } catch { console.warn("citespan-ask: labels is not JSON"); }
      this.#words = { ...WORDS, ...own };
      this.#label.textContent = this.#word("label");
      this.#button.textContent = this.#word("ask");
      this.#over.textContent = this.#word("over");
      this.#input.placeholder = this.getAttribute("placeholder") ?? this.#word("placeholder");
    }

    #endpoint() {
      const address = new URL(this.getAttribute("endpoint") || HOME, document.baseURI).href;
      return address.endsWith("/") ? address : `${address}/`;
    }

    #body(question) {
      const body = { question, collection: this.getAttribute("collection") || "default" };
      if (this.getAttribute("filters")) body.filters = JSON.parse(this.getAttribute("filters"));
      if (this.#history.length) body.history = this.#history;
      return body;
    }

    #say(name, facts, how = "") {
      this.#status.replaceChildren(isolated(this.#word(name, facts)));
      this.#status.className = `status ${how}`;
    }

    // With `conversation`, what was said goes along with the next question, and stays on the page folded.
    #remember({ question, answer, standalone_question }) {
      if (!this.hasAttribute("conversation")) return;
      this.#history = [...this.#history, { question, answer, standalone_question }].slice(-REMEMBERED);
      this.#over.hidden = false;
    }

    #fold() {
      const last = this.#turns.querySelector(".turn:not([aria-busy]):has(.answer)");
      if (!last || !this.hasAttribute("conversation")) return;
      const summary = this.#earlier.firstChild;
      summary.after(last);
      summary.textContent = this.#word("earlier", { count: this.#earlier.children.length - 1 });
      this.#earlier.hidden = false;
    }

    #show(turn, found, last = true) {
      // A better answer takes the place of the one before, but not under the hands of who uses that already.
      const used = turn.contains(this.#root.activeElement);
      if (used && !last) return;
      const open = [...turn.querySelectorAll("details[open]")].map((one) => one.id);
      const meant = found.standalone_question ?? found.question;
      turn.replaceChildren(...[
        make("p", { class: "question" }, isolated(found.question)),
        meant !== found.question
          && make("p", { class: "understood" }, isolated(this.#word("understood", { question: meant }))),
        ...(found.answered ? this.#answer(found) : this.#nothing(found)),
        ...found.hints.map((hint) => make("p", { class: "hint" }, isolated(hint.message))),
      ].filter(Boolean));
      for (const one of turn.querySelectorAll("details")) one.open ||= open.includes(one.id);
      if (!used) return;
      turn.tabIndex = -1;
      turn.focus({ preventScroll: true });
    }

    #answer({ answers: [best, ...others] }) {
      const [first, ...more] = best.evidence;
      const likely = others.filter((one) => one.confidence >= 0.05);
      return [
        make("p", { class: "answer" }, isolated(best.text)),
        best.items.length
          && make("ul", { class: "items" }, ...best.items.map((one) => make("li", {}, isolated(one.text)))),
        quotation(first),
        this.#cite(first),
        make("p", { class: "sure" }, this.#word("sure", { percent: Math.round(best.confidence * 100) })),
        this.#more("same", more.map((piece) => [quotation(piece), this.#cite(piece)])),
        this.#more("others", likely.map((one) => [
          make("strong", {}, isolated(one.text)), quotation(one.evidence[0]), this.#cite(one.evidence[0]),
        ])),
      ];
    }

    #nothing({ passages }) {
      const closest = passages.slice(0, 3).map((one) => [
        make("p", { class: "passage", dir: "auto", tabindex: 0 }, plain(one.passage.text)), this.#cite(one),
      ]);
      const box = this.#more("closest", closest);
      if (box) box.open = true;
      return [make("p", { class: "answer" }, this.#word("none")), box];
    }

    #more(name, rows) {
      if (!rows.length) return null;
      const summary = make("summary", {}, this.#word(name, { count: rows.length }));
      const others = rows.map((row) => make("div", { class: "other" }, ...row));
      return make("details", { class: "more", id: name }, summary, ...others);
    }

    #cite({ article, sentence, page }) {
      const title = isolated(article.title || article.id);
      const href = link(article.url, sentence);
      const line = make("p", { class: "cite" }, href ? make("a", { href, class: "link" }, title) : title);
      const date = article.published && make("time", { datetime: article.published }, this.#date(article.published));
      for (const fact of [article.author, article.source, date, page && this.#word("page", { page })]) {
        if (fact) line.append(" · ", fact.nodeType ? fact : isolated(fact));
      }
      return line;
    }

    #date(published) {
      try {
        const language = this.closest("[lang]")?.lang || undefined;
        const day = new Date(published.slice(0, 10)); // as it was where it was published
        return new Intl.DateTimeFormat(language, { dateStyle: "long", timeZone: "UTC" }).format(day);
      } catch {
        return published;
      }
    }

    #refuse(turn, error, question) {
      const names = { 0: "unreachable", 401: "key", 403: "forbidden", 404: "collection", 429: "busy", 503: "busy" };
      const facts = { seconds: error.seconds ?? 5, origin: location.origin, detail: error.message };
      const message = this.#word(names[error.status] ?? "failed", facts);
      const click = () => this.ask(question);
      const again = make("button", { class: "again", type: "button", click }, this.#word("again"));
      again.disabled = Boolean(error.seconds);
      setTimeout(() => { again.disabled = false; }, (error.seconds ?? 0) * 1000);
      turn.replaceChildren(make("p", { class: "error", role: "alert" }, isolated(message)), again);
      const detail = { status: error.status ?? null, message: error.message, seconds: error.seconds ?? null };
      this.dispatchEvent(new CustomEvent("citespan-error", { ...HEARD_OUTSIDE, detail }));
    }
  }

  customElements.define("citespan-ask", CitespanAsk);
})();
