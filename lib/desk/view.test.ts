import { expect, test } from "vitest";
import { queryOf, viewFrom } from "./view";

const parsed = (query: string) => viewFrom(Object.fromEntries(new URLSearchParams(query)));

test("an address holds the whole view: what is saved or sent to a colleague shows the same", () => {
  const view = viewFrom({
    q: `"100%" O'Neil`,
    status: "attention",
    product: "cirrus-connect",
    waiting: "admin",
    stuck: "3",
    sort: "waiting",
  });
  expect(parsed(queryOf(view))).toEqual(view);
  const next = { after: ["2026-11-22T10:00:00.000Z", "6f1c7f0e-8f4a-4c89-9b1e-0d0c8a1f2b3c"] as [string, string] };
  expect(parsed(queryOf(view, next)).after).toEqual(next.after);
  expect(queryOf(viewFrom({}))).toBe("");
});

test("another filter starts from the first page again", () => {
  const later = viewFrom({ after: JSON.stringify(["x", "6f1c7f0e-8f4a-4c89-9b1e-0d0c8a1f2b3c"]) });
  expect(later.after).not.toBeNull();
  expect(queryOf(later, { status: "live" })).toBe("?status=live");
});

test.each([
  { status: "nonsense", sort: "'; DROP", stuck: "-1", expiring: "soon", waiting: "x", after: "e30" },
  { after: "%%%", q: ["a", "b"], status: ["", "live"] },
  { after: `["x","not-an-id"]` },
])("what is not understood is left out: %o", (query) => {
  expect(viewFrom(query)).toEqual({ ...viewFrom({}), q: "q" in query ? "a" : "" });
});
