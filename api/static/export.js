// Answers to take along: copied with a citation, or a whole conversation saved as a file.

import { onPage } from "./answers.js";
import { currentConversation } from "./conversations.js";
import { $, say } from "./page.js";
import { call, get } from "./service.js";

const style = () => $("#style").value;

// The citation as the chosen style has it; what is known of the article, where the service cannot be asked or the
// article has gone since.
async function cited(piece, from) {
  const { id, title, source, published, url } = piece.article;
  const page = piece.page ? `&page=${piece.page}` : "";
  try {
    return (await get(`/v1/articles/${encodeURIComponent(id)}/citation?collection=${encodeURIComponent(from)}&style=${style()}${page}`)).citation;
  } catch {
    return [title || id, source, published, onPage(piece), url].filter(Boolean).join(", ");
  }
}

export async function copyCited(button, answer, piece, from) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(`${answer.text}\n“${piece.sentence}”\n${await cited(piece, from)}`);
    button.textContent = "Copied";
  } catch {
    button.textContent = "The browser does not allow copying";
  }
  setTimeout(() => { button.textContent = before; }, 2000);
}

export async function saveConversation(format) {
  const id = currentConversation();
  if (!id) {
    say("This conversation is not kept, so it cannot be saved.");
    return;
  }
  try {
    const reply = await call(`/v1/conversations/${encodeURIComponent(id)}/export?format=${format}&style=${style()}`);
    const name = /filename="([^"]+)"/.exec(reply.headers.get("Content-Disposition") || "");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await reply.blob());
    link.download = name ? name[1] : "conversation";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    say(`Saved as ${link.download}.`);
  } catch (error) {
    say(error.message);
  }
}
