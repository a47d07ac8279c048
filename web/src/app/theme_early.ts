// Before anything is painted: the look that was chosen the last time, so that the page doesn't flash.
import { applyTheme, readTheme } from "../state/theme";

applyTheme(readTheme());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => applyTheme(readTheme()));
