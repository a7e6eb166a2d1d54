// The conversation on the page, and those before it, as the service keeps them.

import { call, get, post, stream } from "./service.js";

let current = null;

export const currentConversation = () => current;
export const leaveConversation = () => { current = null; };

// Yields [event, data] of the answer.  A conversation that is no longer kept makes way for a new one, in which the
// question is asked as it stands; where nothing can be kept it is asked all the same.
export async function* askInConversation(body, signal) {
  if (current) {
    try {
      yield* messages(current, body, signal);
      return;
    } catch (error) {
      if (error.status !== 404) throw error;
      current = null;
    }
  }
  const { replaces, ...alone } = body;
  let begun;
  try {
    begun = (await (await post("/v1/conversations", {}, signal)).json()).id;
  } catch (error) {
    if (error.status !== 507) throw error;
    const { standalone_question: understood, ...plain } = alone;
    yield* stream("/v1/ask/stream", { ...plain, question: understood || plain.question }, signal);
    return;
  }
  current = begun;
  yield* messages(begun, alone, signal);
}

export async function openConversation(id) {
  const conversation = await get(address(id));
  current = id;
  return conversation.messages;
}

export async function forgetConversation(id) {
  await call(address(id), { method: "DELETE" });
  if (current === id) current = null;
}

export function listConversations(cursor) {
  return get(`/v1/conversations?limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
}

function messages(id, body, signal) {
  return stream(`${address(id)}/messages`, body, signal);
}

function address(id) {
  return `/v1/conversations/${encodeURIComponent(id)}`;
}
