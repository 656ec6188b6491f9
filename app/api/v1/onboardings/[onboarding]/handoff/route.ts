import { vendorSystemOf } from "@/lib/auth/auth";
import { json, refusalAsJson } from "@/lib/http";
import { collectHandoff } from "@/lib/onboarding/collect";

/** The values of an onboarding, once, each registration as a JWE for the vendor's key. For the vendor's own system. */
export async function POST(request: Request, { params }: { params: Promise<{ onboarding: string }> }): Promise<Response> {
  const system = await vendorSystemOf(request.headers.get("authorization"));
  if (!system.ok) {
    const answer = refusalAsJson(system.refusal);
    if (system.refusal.status === 401) answer.headers.set("www-authenticate", "Bearer");
    return answer;
  }
  const collected = await collectHandoff(system.value, (await params).onboarding, new Date());
  return collected.ok ? json(collected.value) : refusalAsJson(collected.refusal);
}
