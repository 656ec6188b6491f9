import { cookies } from "next/headers";

/** The token of the link, when this browser opened it. */
export const approvalToken = async () => (await cookies()).get("approval")?.value;
