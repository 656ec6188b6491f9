import type { ManualStep } from "@/lib/catalogue/selection";

/** Who has to act, as the admin reads it. */
export const OWNER: Record<ManualStep["owner"], string> = {
  admin: "You",
  contact: "Whoever gets the values",
  vendor: "The vendor",
  "exchange-admin": "An Exchange administrator",
  "policy-owner": "The policy’s owner",
};
