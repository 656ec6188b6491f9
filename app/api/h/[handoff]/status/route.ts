import { foreignOrigin, json, jsonObject, refusalAsJson } from "@/lib/http";
import * as handOver from "@/lib/onboarding/hand-over";

/** What the handoff's page shows before anything is revealed. For whoever proves to hold the link's key. */
export async function POST(request: Request, { params }: { params: Promise<{ handoff: string }> }) {
  const foreign = foreignOrigin(request);
  if (foreign) return foreign;
  const { handoff } = await params;
  const answer = await handOver.lookAtHandoff(handoff, (await jsonObject(request))?.proof, new Date());
  return answer.ok ? json(answer.value) : refusalAsJson(answer.refusal);
}
