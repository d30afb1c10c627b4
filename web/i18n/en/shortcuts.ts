/** The list of keyboard shortcuts, in English. */

export const shortcuts = {
  search: "Search pages, actions, models and nodes",
  filter: "To the page’s filter",
  find: "To the filter of a list that is not loaded whole; again: the browser’s search",
  help: "This list",
  choose: "Next or previous result",
  enter: "Open the chosen result; in the playground, send the message",
  newLine: "New line in a message",
  escape: "Close a dialog or a menu; in the playground, stop the answer",
} as const;
