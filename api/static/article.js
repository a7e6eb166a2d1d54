// One article, opened at a place.

import { citation } from "./answers.js";
import { $, collection } from "./page.js";
import { get } from "./service.js";
import { element, isolated, withRanges } from "./text.js";

// A collection as answers want it: its name, and what opens an article of it at a place.
export const inLibrary = (name) => ({ collection: name, open: (place) => openArticle(place, name) });

export async function openArticle(place, from = collection()) {
  const dialog = $("#article");
  const text = dialog.querySelector(".text");
  $("#article-title").replaceChildren(isolated(place.article.title || place.article.id));
  dialog.querySelector(".facts").replaceChildren(citation(place.article));
  text.replaceChildren("Loading …");
  dialog.showModal();
  try {
    const article = await get(`/v1/articles/${encodeURIComponent(place.article.id)}?collection=${encodeURIComponent(from)}`);
    const ranges = article.masked.map((range) => ({
      ...range, name: "span", class: "masked", title: `page furniture (${range.rule}): not answered from`,
    }));
    if (place.article_end > place.article_start) {
      ranges.push({ start: place.article_start, end: place.article_end, name: "mark" });
    }
    text.replaceChildren(withRanges(article.text, ranges));
    text.querySelector("mark")?.scrollIntoView({ block: "center" });
    text.focus({ preventScroll: true });
  } catch (error) {
    text.replaceChildren(element("p", { class: "problem", role: "alert" }, error.message));
  }
}
