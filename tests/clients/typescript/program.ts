import { client } from "./generated/client.gen";
import { addArticle, ask, askStream, getArticle, removeArticle, search } from "./generated";
import type { AskOut } from "./generated";

client.setConfig({ baseUrl: "http://127.0.0.1:8000" });

const text = "The mill of Tarn was built by Hugo Marsh in 1788. It burnt down in 1844.";
const question = "Who built the mill of Tarn?";

async function main(): Promise<void> {
  const added = await addArticle({ body: { id: "mill", title: "The mill", text, tags: ["tarn"] }, throwOnError: true });
  console.log("added", added.response.status);

  const { data: reply } = await ask({ body: { question, filters: { article_ids: ["mill"] } }, throwOnError: true });
  const proof = reply.answers[0]?.evidence[0];
  console.log("answer", reply.answer, proof?.article.id, proof?.article_start, proof?.article_end);

  const { data: article } = await getArticle({ path: { article_id: "mill" }, throwOnError: true });
  // Offsets count code points, and so does Array.from.
  const quote = Array.from(article.text).slice(proof?.article_start, proof?.article_end).join("");
  console.log("quote", quote);

  const { stream } = await askStream({ body: { question } });
  let last: AskOut | undefined;
  for await (const event of stream) {
    if ("answered" in event) last = event;
  }
  console.log("streamed", last?.answer);

  const found = await search({ body: { query: "mill", limit: 3 }, throwOnError: true });
  console.log("found", found.data.passages.some((one) => one.passage.text.includes("Hugo Marsh")));

  await removeArticle({ path: { article_id: "mill" }, throwOnError: true });
  const gone = await getArticle({ path: { article_id: "mill" } });
  console.log("gone", gone.error?.status, gone.error?.title);

  const wrong = await ask({ body: { question, limit: 0 } });
  console.log("wrong", wrong.error?.status, wrong.error?.errors?.[0]?.loc.join("."));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
