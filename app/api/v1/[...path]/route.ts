import { answer } from "@/lib/api/api";

// The request as it came: what Next puts in front of it otherwise cannot be read twice.
export const dynamic = "force-dynamic";

/** For programs with an API key; each operation says which right it needs. `openapi.json` is for anybody. */
export { answer as DELETE, answer as GET, answer as PATCH, answer as POST, answer as PUT };
