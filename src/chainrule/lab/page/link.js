/**
 * A way to the lab, for frames of protocol.js: over a WebSocket here; widget.js has that of a notebook.
 *
 * @typedef {{ lost: string, send: (frame: Uint8Array) => void, listen: (hear: (frame: ArrayBuffer) => void, tell: (open: boolean) => void) => void }} Link
 */

const LOST = "The lab does not answer. Trying again …";
const ANEW = "The lab was started anew: open the address that the terminal shows.";
const PATIENCE = [0.3, 0.6, 1, 2, 4]; // seconds before each attempt to come back; the last one from then on

/**
 * Over a WebSocket that comes back after it was lost.
 * @param {string} address
 * @returns {Link}
 */
export function overSocket(address) {
  let socket, hear, tell, lost = 0;
  const link = {
    lost: LOST,
    send: (frame) => { if (socket?.readyState === WebSocket.OPEN) socket.send(frame); },
    listen(onFrame, onState) { hear = onFrame; tell = onState; open(); },
  };

  function open() {
    socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { lost = 0; tell(true); };
    socket.onmessage = (event) => hear(event.data);
    socket.onclose = () => {
      tell(false);
      if (lost) why();
      setTimeout(open, 1000 * PATIENCE[Math.min(lost++, PATIENCE.length - 1)]);
    };
  }

  /** Nobody is there, or somebody who does not know this page: a socket does not say which. */
  async function why() {
    const status = await fetch(".", { method: "HEAD" }).then((answer) => answer.status, () => 0);
    link.lost = status === 403 ? ANEW : LOST;
    if (socket.readyState !== WebSocket.OPEN) tell(false);
  }

  return link;
}
