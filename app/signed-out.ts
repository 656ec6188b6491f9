/** What an action answers when the session has ended meanwhile. */
export const SIGNED_OUT = "Your session is over. Reload the page and sign in again; nothing is lost.";
