import { answer } from "@/lib/api/api";

/** For programs with an API key; each operation says which right it needs. `openapi.json` is for anybody. */
export { answer as DELETE, answer as GET, answer as PATCH, answer as POST, answer as PUT };
