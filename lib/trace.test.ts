import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { newToken } from "./secret";
import { graphRouteOf, routeOf, startTracing, traced } from "./trace";

/** What a collector of traces on this machine receives while `work` is done. */
async function collected(work: () => Promise<void>): Promise<string> {
  let received = "";
  const collector = createServer((request, response) => {
    request.on("data", (chunk: Buffer) => (received += chunk.toString("latin1")));
    request.on("end", () => response.setHeader("content-type", "application/json").end("{}"));
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const stop = await startTracing(`http://127.0.0.1:${(collector.address() as AddressInfo).port}`);
  await work();
  await stop();
  await new Promise((resolve) => collector.close(resolve));
  return received;
}

test("nothing is traced, and nothing is sent, unless an endpoint is set", async () => {
  const stop = await startTracing(undefined);
  expect(await traced("run", { kind: "undo" }, async () => 7)).toBe(7);
  await stop();
});

test("a request, the run in it and its call of Graph are one trace, with routes and without a value", async () => {
  const onboardingId = randomUUID();
  const received = await collected(() =>
    traced("request", { method: "POST", path: `/o/${onboardingId}/run?go=1` }, async (learn) => {
      await traced("run", { kind: "provision", onboardingId }, () =>
        traced(
          "graph",
          { method: "PATCH", path: "/applications(uniqueName='vestibule-x')?$select=id", status: 201 },
          async () => undefined,
        ),
      );
      learn({ status: 200 });
    }),
  );
  const spans = (JSON.parse(received) as { resourceSpans: { scopeSpans: { spans: Record<string, unknown>[] }[] }[] }).resourceSpans.flatMap(
    ({ scopeSpans }) => scopeSpans.flatMap((each) => each.spans),
  );
  const named = (name: string) => spans.find((span) => span.name === name)!;
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  expect(named("graph").parentSpanId).toBe(named("run").spanId);
  expect(named("run").parentSpanId).toBe(named("request").spanId);
  const of = (name: string) =>
    Object.fromEntries(
      (named(name).attributes as { key: string; value: object }[]).map(({ key, value }) => [key, Object.values(value)[0] as unknown]),
    );
  expect(of("request")).toEqual({ "http.request.method": "POST", "http.route": "/o/[onboarding]/run", "http.response.status_code": 200 });
  expect(of("run")).toEqual({ "vestibule.kind": "provision", "vestibule.onboarding": onboardingId });
  expect(of("graph")).toMatchObject({ "http.route": "/applications({})", "http.response.status_code": 201 });
});

test("addresses become patterns; what fits none says nothing", () => {
  expect(routeOf("/desk?q=contoso")).toBe("/desk");
  expect(routeOf("/api/v1/onboardings/123/handoff")).toBe("/api/v1/onboardings/[id]/handoff");
  expect(routeOf(`/${newToken()}`)).toBe("other");
  expect(graphRouteOf("/servicePrincipals/1234/appRoleAssignments/a~b")).toBe("/servicePrincipals/{}/appRoleAssignments/{}");
  expect(graphRouteOf("/users/adele@contoso.com?$select=id")).toBe("/users/{}");
});

test("no secret reaches a collector, wherever it stands by mistake", async () => {
  const secrets: string[] = [];
  const received = await collected(async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constant(null).map(newToken),
        fc.constantFrom("method", "path", "onboardingId", "runId", "requestId", "kind", "outcome"),
        fc.constantFrom("request" as const, "graph" as const, "run" as const, "errand" as const),
        async (secret, place, name) => {
          secrets.push(secret);
          for (const value of [secret, `/applications/${secret}?x=${secret}`, `/o/${secret}/run#${secret}`])
            await traced(name, { [place]: value, ...({ password: secret } as object) }, async (learn) => {
              learn({ [place]: value });
              throw new Error(secret);
            }).catch(() => undefined);
        },
      ),
      { numRuns: 200 },
    );
  });
  expect(received).toContain("vestibule");
  expect(secrets.filter((secret) => received.includes(secret))).toEqual([]);
});
