import { HANDOFF_HEADERS } from "@/app/h/headers";
import { foreignOrigin, json, jsonObject, refusalAsJson, type Visitor, visitorOf } from "@/lib/http";
import type { Outcome } from "@/lib/outcome";

type Act = (handoff: string, body: Record<string, unknown>, visitor: Visitor, now: Date) => Promise<Outcome<unknown>>;

/** A POST about one handoff, from its own page only. Who may do it is decided by the proof in the body. */
export const answering =
  (act: Act) =>
  async (request: Request, { params }: { params: Promise<{ handoff: string }> }): Promise<Response> => {
    const foreign = foreignOrigin(request);
    if (foreign) return dressed(foreign);
    const { handoff } = await params;
    const done = await act(handoff, (await jsonObject(request)) ?? {}, visitorOf(request), new Date());
    return dressed(done.ok ? json(done.value) : refusalAsJson(done.refusal));
  };

function dressed(answer: Response): Response {
  for (const [name, value] of Object.entries(HANDOFF_HEADERS)) answer.headers.set(name, value);
  return answer;
}
