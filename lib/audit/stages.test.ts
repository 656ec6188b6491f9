import { expect, test } from "vitest";
import { reachedBy } from "./stages";

test("each stage keeps the time at which it was reached first, whatever happens afterwards", () => {
  const invited = reachedBy({}, "invited", "1");
  const planned = reachedBy(invited, "planned", "2");
  expect(planned, "what was skipped was passed").toEqual({ invited: "1", opened: "2", signedIn: "2", planned: "2" });
  expect(reachedBy(planned, "choosing", "3"), "going back").toBe(planned);
  expect(reachedBy(planned, "attention", "3"), "trouble is no stage").toBe(planned);
  expect(reachedBy(planned, "live", "4")).toMatchObject({ planned: "2", approved: "4", provisioned: "4", handedOver: "4", live: "4" });
});
