// The little that comes first: it asks for the data, then fetches the application that shows it.

import "./app/mantine.css";
import "./app/tokens.css";
import "./app/controls.css";
import { askAhead } from "./api/ahead";

// Files of an older build are gone after an upgrade: fetch the present page, once.
window.addEventListener("vite:preloadError", () => {
  if (sessionStorage.getItem("spanglass-reloaded") === "1") return;
  sessionStorage.setItem("spanglass-reloaded", "1");
  location.reload();
});

askAhead(location);
void import("./app/mount");
