/** A wrong setting or manifest stops the start, with a line that says what to mend. */
export async function register() {
  if (process.env.NEXT_RUNTIME === "nodejs") await import("./start-up.ts");
}
