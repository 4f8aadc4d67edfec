/**
 * A way to the lab, for frames of protocol.js: over a WebSocket here; widget.js has that of a notebook.
 *
 * @typedef {{ lost: string, send: (frame: Uint8Array) => void, listen: (hear: (frame: ArrayBuffer) => void, tell: (open: boolean) => void) => void }} Link
 */

const PATIENCE = [0.3, 0.6, 1, 2, 4]; // seconds before each attempt to come back; the last one from then on

/**
 * Over a WebSocket that comes back after it was lost.
 * @param {string} address
 * @returns {Link}
 */
export function overSocket(address) {
  let socket, hear, tell, lost = 0;

  function open() {
    socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { lost = 0; tell(true); };
    socket.onmessage = (event) => hear(event.data);
    socket.onclose = () => {
      tell(false);
      setTimeout(open, 1000 * PATIENCE[Math.min(lost++, PATIENCE.length - 1)]);
    };
  }

  return {
    lost: "The lab does not answer. Trying again …",
    send: (frame) => { if (socket?.readyState === WebSocket.OPEN) socket.send(frame); },
    listen(onFrame, onState) { hear = onFrame; tell = onState; open(); },
  };
}
