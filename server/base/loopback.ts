/** Whether a host's name, as it stands in an address or alone, is this machine's own and cannot be reached from outside. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d+){3}|::1|\[::1\])$/i.test(host);
}
