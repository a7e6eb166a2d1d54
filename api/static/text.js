// Text from articles → DOM, never through HTML.  Offsets of the service count code points, a JavaScript
// string counts UTF-16 units: text is cut by code points here and nowhere else.

const STRANGE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u;

export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Plain text with invisible and direction-turning characters shown as marks.
export function safeText(text) {
  const parts = document.createDocumentFragment();
  let plain = "";
  for (const character of text) {
    if (STRANGE.test(character)) {
      if (plain) parts.append(plain);
      plain = "";
      const code = character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      parts.append(element("span", { class: "strange", title: `invisible character U+${code}` }, `U+${code}`));
    } else {
      plain += character;
    }
  }
  if (plain) parts.append(plain);
  return parts;
}

export function isolated(text) {
  return element("bdi", {}, safeText(text));
}

// ranges: [{start, end, name, title?}] in code points, not overlapping.
export function withRanges(text, ranges) {
  const points = Array.from(text);
  const parts = document.createDocumentFragment();
  let at = 0;
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    if (range.start < at || range.end > points.length) continue;
    parts.append(safeText(points.slice(at, range.start).join("")));
    const inner = safeText(points.slice(range.start, range.end).join(""));
    parts.append(element(range.name, { class: range.class, title: range.title }, inner));
    at = range.end;
  }
  parts.append(safeText(points.slice(at).join("")));
  return parts;
}

// The sentence with the answer marked: its place follows from the offsets, not from searching.
export function markedSentence(evidence) {
  const points = Array.from(evidence.passage.text);
  const length = Array.from(evidence.sentence).length;
  const wanted = evidence.sentence;
  for (let start = Math.max(0, evidence.end - length); start <= evidence.start; start += 1) {
    if (points.slice(start, start + length).join("") === wanted) {
      return withRanges(wanted, [{ start: evidence.start - start, end: evidence.end - start, name: "mark" }]);
    }
  }
  return safeText(wanted);
}

export function safeLink(url) {
  return /^https?:\/\//i.test(url || "") ? url : null;
}
