/** Says that a page needs none of the framework's scripts: it is sent without them (server/markup.ts). What it does, its own script does. */
export const Still = () => <template data-still="" />;
