/** Encrypts and authenticates the frames of one link between two gateways, where TLS does not. */

import { createCipheriv, createDecipheriv } from "node:crypto";
import type { Socket } from "../node/link.ts";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const COUNTER_BYTES = 6;
/** By so many bytes a sealed frame is longer. */
export const TAG_BYTES = 16;

export class FrameCipher {
  readonly #sent = Buffer.alloc(NONCE_BYTES);
  readonly #received = Buffer.alloc(NONCE_BYTES);
  #sentFrames = 0;
  #receivedFrames = 0;

  /** Each key is used for one direction of one link only: frames are numbered from 1. */
  constructor(private readonly sendKey: Uint8Array, private readonly receiveKey: Uint8Array) {}

  seal(frame: Uint8Array): Uint8Array {
    const cipher = createCipheriv(CIPHER, this.sendKey, numbered(this.#sent, ++this.#sentFrames));
    const text = cipher.update(frame);
    cipher.final();
    return Buffer.concat([text, cipher.getAuthTag()]);
  }

  /** Throws where the frame is not the peer's next one. */
  open(sealed: Uint8Array): Uint8Array {
    const nonce = numbered(this.#received, ++this.#receivedFrames);
    const end = sealed.byteLength - TAG_BYTES;
    if (end < 0) throw new Error("a frame that is not sealed");
    const decipher = createDecipheriv(CIPHER, this.receiveKey, nonce);
    decipher.setAuthTag(sealed.subarray(end));
    const text = decipher.update(sealed.subarray(0, end));
    decipher.final();
    return text;
  }
}

/** The socket, over which every frame is sent sealed. */
export function sealedSocket(socket: Socket, cipher: FrameCipher): Socket {
  return {
    send: (frame) => socket.send(cipher.seal(frame as Uint8Array)),
    ping: (text) => socket.ping(text),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
    getBufferedAmount: () => socket.getBufferedAmount(),
  };
}

function numbered(nonce: Buffer, frames: number): Buffer {
  nonce.writeUIntBE(frames, NONCE_BYTES - COUNTER_BYTES, COUNTER_BYTES);
  return nonce;
}
