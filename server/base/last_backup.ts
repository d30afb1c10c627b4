/** The name under which the database keeps when its last backup was made, in UTC milliseconds. */
export const LAST_BACKUP = "last backup";
