/** The page by itself: the lab fills it, over a WebSocket to where it came from. (In a notebook widget.js begins.) */

import { overSocket } from "./link.js";
import { mount } from "./main.js";

// The token has done its part: it is not for bookmarks, histories and pictures of the screen.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);

const address = new URL("socket", location.href);
address.protocol = address.protocol.replace("http", "ws");
address.search = address.hash = "";
globalThis.lab = mount(document.body, overSocket(address.href));
