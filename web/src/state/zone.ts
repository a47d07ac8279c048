// The browser's time zone: days begin when they begin here.
export const time_zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
