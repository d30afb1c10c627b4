#!/bin/sh
# Installs a Co-Link node on Linux or macOS, from the gateway that sent this script, and joins it.
#
#   curl -fsSL GATEWAY/install.sh | sh -s -- [CODE] [flags]
#
# CODE is the one-time code that the console shows; without it, one is shown here and approved in the
# browser. To run this again updates the program. It never touches a configuration.
set -eu

GATEWAY='@GATEWAY@'
# Ed25519 keys that releases are signed with, in base64; the same as OpenSSH writes them.
KEYS='@KEYS@'
SSH_KEYS='@SSH_KEYS@'

usage() {
  cat <<EOF
Installs a Co-Link node from $GATEWAY and joins it.

  curl -fsSL $GATEWAY/install.sh | sh -s -- [CODE] [flags]

  CODE                 the one-time code that the console shows under "Add a node"
  --system             install for all users, in /usr/local/bin (as root)
  --dir DIR            install into DIR
  --no-join            install the program only
  --require-signature  stop where this machine cannot check the signature
  --dry-run            say what would be done, and do nothing
  --uninstall          remove the program and its service; the configuration stays
  --help               show this
EOF
}

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "Warning: $*" >&2; }
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# Everything is a function that is called on the last line: half a script does nothing.
main() {
  read_words "$@"
  find_target
  find_folder
  program=$dir/colink-client
  if [ "$uninstall" = yes ]; then
    uninstall
    return
  fi
  archive=co-link-client-$target.tar.gz
  if [ "$dry_run" = yes ]; then
    describe
    return
  fi
  case $GATEWAY in
    http://127.0.0.1* | http://localhost* | https://*) ;;
    *) warn "$GATEWAY is not encrypted: others on the way could change what is installed and read what is sent." ;;
  esac
  install_program
  join_gateway
}

read_words() {
  code='' dir='' system=no join=yes strict=no dry_run=no uninstall=no
  while [ $# -gt 0 ]; do
    case $1 in
      --system) system=yes ;;
      --dir)
        [ $# -gt 1 ] || fail "--dir needs a folder"
        dir=$2
        shift
        ;;
      --dir=*) dir=${1#--dir=} ;;
      --no-join) join=no ;;
      --require-signature) strict=yes ;;
      --dry-run) dry_run=yes ;;
      --uninstall) uninstall=yes ;;
      -h | --help)
        usage
        exit 0
        ;;
      -*) fail "Cannot read $1: no such flag; --help lists all" ;;
      *)
        [ -z "$code" ] || fail "Cannot read $1: one code is enough"
        case $1 in
          *[!A-Za-z0-9-]*) fail "Cannot read $1: a code has letters, digits and dashes only" ;;
        esac
        code=$1
        ;;
    esac
    shift
  done
}

find_target() {
  os=$(uname -s)
  case $os in
    Linux) os=linux ;;
    Darwin) os=darwin ;;
    MINGW* | MSYS* | CYGWIN*)
      fail "Cannot install here: on Windows use PowerShell: irm $GATEWAY/install.ps1 | iex"
      ;;
    *) fail "Cannot install on $os: there are programs for Linux, macOS and Windows. With Bun a clone runs from source: docs/deployment.md" ;;
  esac
  cpu=$(uname -m)
  case $cpu in
    x86_64 | amd64) cpu=x64 ;;
    aarch64 | arm64) cpu=arm64 ;;
    *) fail "Cannot install on a $cpu processor: there are programs for x86-64 and ARM of 64 bits" ;;
  esac
  # Under Rosetta a Mac says that it is another one.
  if [ "$os $cpu" = "darwin x64" ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" = 1 ]; then
    cpu=arm64
  fi
  target=$os-$cpu
  if [ "$os" = linux ] && uses_musl; then target=$target-musl; fi
}

uses_musl() {
  for loader in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1; do
    [ ! -e "$loader" ] || return 1
  done
  for loader in /lib/ld-musl-*.so.1; do
    [ ! -e "$loader" ] || return 0
  done
  return 1
}

find_folder() {
  [ -z "$dir" ] || return 0
  if [ "$system" = yes ] || [ "$(id -u)" = 0 ]; then
    dir=/usr/local/bin
  else
    dir=${XDG_BIN_HOME:-${HOME:?is not set; give --dir}/.local/bin}
  fi
}

describe() {
  say "Would download $GATEWAY/download/$archive"
  say "Would check it against SHA256SUMS, and that against its signature: $(verifier_words)"
  say "Would install $program"
  [ "$join" = no ] || say "Would run: $program join $GATEWAY${code:+ $code}"
}

verifier_words() {
  case $(find_verifier) in
    openssl) say "with openssl" ;;
    ssh) say "with ssh-keygen" ;;
    *) say "which this machine cannot check, for it has neither OpenSSL 3 nor ssh-keygen 8.1" ;;
  esac
}

install_program() {
  mkdir -p "$dir" 2>/dev/null || fail "Cannot make $dir: choose another folder with --dir, or use sudo for all users"
  # Beside its place, so that the last step is a rename: the program is there whole or not at all.
  work=$(mktemp -d "$dir/.colink-install.XXXXXX" 2>/dev/null) ||
    fail "Cannot write to $dir: choose another folder with --dir, or use sudo for all users"
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP
  fetch latest.json
  version=$(sed -n 's/.*"version": *"\([0-9A-Za-z.+-]*\)".*/\1/p' "$work/latest.json")
  if [ -n "$version" ] && [ "$("$program" --version 2>/dev/null || true)" = "$version" ]; then
    say "Already installed: $program $version"
    return
  fi
  fetch SHA256SUMS
  check_signature
  check_sum latest.json
  say "Downloading colink-client $version for $target …"
  fetch "$archive"
  check_sum "$archive"
  tar -xzf "$work/$archive" -C "$work" || fail "Cannot unpack $archive: see that there is room on the disk of $dir, then run this again"
  fresh=$work/co-link-client-$target/colink-client
  try_program
  mv -f "$fresh" "$program" || fail "Cannot put the program at $program"
  say "Installed $program $version"
  say_path
}

# Ends with a remedy where the program does not run on this machine, before it replaces another.
try_program() {
  status=0
  output=$("$fresh" --version 2>&1) || status=$?
  [ "$status" != 0 ] || return 0
  case $status in
    132) why="this processor is too old: it lacks AVX2" ;;
    126) why="programs may not run in $dir (noexec); choose another folder with --dir" ;;
    *)
      why=$output
      case $target in *-musl) why="$why; it needs musl 1.2.4 and libstdc++: apk add libstdc++" ;; esac
      ;;
  esac
  fail "Cannot run the program here: $why. Nothing was installed"
}

fetch() {
  status=0
  download "$GATEWAY/download/$1" "$work/$1" || status=$?
  case $status in
    0) ;;
    # What curl and wget end with where the gateway has answered with an error.
    22 | 8) fail "Cannot download $GATEWAY/download/$1: the gateway does not offer it. Its operator makes the programs for nodes with \"npx bun@1.4.5 run release\" and copies bin/downloads/ beside the gateway's program (docs/deployment.md, Releases); then run this again" ;;
    *) fail "Cannot download $GATEWAY/download/$1. See that the gateway can be reached, and that there is room on the disk of $dir; then run this again" ;;
  esac
}

download() {
  if has curl; then
    curl -fsSL --retry 2 --connect-timeout 20 -o "$2" "$1"
  elif has wget; then
    wget -q -O "$2" "$1"
  else
    fail "Cannot download: neither curl nor wget is installed"
  fi
}

check_sum() {
  expected=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]$1\$/\1/p" "$work/SHA256SUMS")
  [ -n "$expected" ] || fail "Cannot verify $1: SHA256SUMS does not list it. Nothing was installed"
  if has sha256sum; then
    found=$(sha256sum "$work/$1")
  elif has shasum; then
    found=$(shasum -a 256 "$work/$1")
  elif has openssl; then
    found=$(openssl dgst -r -sha256 "$work/$1")
  else
    fail "Cannot verify $1: none of sha256sum, shasum and openssl is installed. Nothing was installed"
  fi
  [ "${found%% *}" = "$expected" ] ||
    fail "Cannot verify $1: its checksum is wrong; it was changed or arrived incomplete. Nothing was installed; run this again"
}

# macOS has an openssl that does not know Ed25519, and an ssh-keygen that does.
find_verifier() {
  if has openssl && openssl pkeyutl -help 2>&1 | grep -q -e -rawin; then
    say openssl
  elif has ssh-keygen && ssh-keygen -Y verify 2>&1 | grep -q -i -e 'sign' -e 'namespace' -e 'required'; then
    say ssh
  else
    say none
  fi
}

check_signature() {
  if [ -z "$KEYS" ]; then
    unverified "this gateway was built without a release key"
    return
  fi
  verifier=$(find_verifier)
  case $verifier in
    openssl)
      fetch SHA256SUMS.sig
      for key in $KEYS; do
        # What stands before the 32 bytes of an Ed25519 key in its file is the same for each.
        printf '%s\n' '-----BEGIN PUBLIC KEY-----' "MCowBQYDK2VwAyEA$key" '-----END PUBLIC KEY-----' >"$work/key.pem"
        if openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin -in "$work/SHA256SUMS" \
          -sigfile "$work/SHA256SUMS.sig" >/dev/null 2>&1; then
          return
        fi
      done
      ;;
    ssh)
      fetch SHA256SUMS.sshsig
      for key in $SSH_KEYS; do printf 'release ssh-ed25519 %s\n' "$key"; done >"$work/signers"
      if ssh-keygen -Y verify -f "$work/signers" -I release -n co-link-release \
        -s "$work/SHA256SUMS.sshsig" <"$work/SHA256SUMS" >/dev/null 2>&1; then
        return
      fi
      ;;
    *)
      unverified "this machine has neither OpenSSL 3 nor ssh-keygen 8.1"
      return
      ;;
  esac
  fail "Cannot verify the release: its signature does not fit the gateway's release key. The files were changed, or are of another build than the gateway. Nothing was installed; tell the gateway's operator"
}

unverified() {
  [ "$strict" = no ] || fail "Cannot check the signature: $1. Nothing was installed"
  warn "the signature is not checked, for $1; the checksums are."
}

say_path() {
  case ":${PATH:-}:" in
    *":$dir:"*) ;;
    *) say "It is not on your PATH. To call it by its name: export PATH=\"$dir:\$PATH\"" ;;
  esac
}

join_gateway() {
  [ "$join" = yes ] || return 0
  # The work is done; what follows may run for as long as the node does.
  [ -z "${work:-}" ] || rm -rf "$work"
  trap - EXIT INT TERM HUP
  set -- join "$GATEWAY" ${code:+"$code"}
  # This script is the standard input, so questions are asked at the terminal.
  if (: </dev/tty) 2>/dev/null; then
    exec "$program" "$@" </dev/tty
  fi
  exec "$program" "$@"
}

uninstall() {
  if [ ! -e "$program" ]; then
    say "Nothing to remove: there is no $program"
    return
  fi
  if [ "$dry_run" = yes ]; then
    say "Would end and remove its service, if there is one, and remove $program"
    return
  fi
  if [ "$system" = yes ]; then
    "$program" service uninstall --system >/dev/null 2>&1 || true
  else
    "$program" service uninstall >/dev/null 2>&1 || true
  fi
  rm -f "$program" || fail "Cannot remove $program"
  say "Removed $program. The configuration stays; to leave the network, revoke this node's key in the console."
}

main "$@"
