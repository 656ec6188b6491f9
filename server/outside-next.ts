/** What stands in for Next's request in our own programs, which have none: whoever serves before Next reads cookies by itself. */
const none = () => {
  throw new Error("This is for pages, routes and actions of Next's");
};
export const cookies = none;
export const redirect = none;
