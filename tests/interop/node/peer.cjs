// One RTCPeerConnection of the stack named on the command line, driven by JSON lines: {"id", "call", "args"} in,
// {"id", "result" | "error"} and {"candidate"} out.
"use strict";
const stack = process.argv[2];
const modules = {werift: "werift", libdatachannel: "node-datachannel/polyfill", wrtc: "@roamhq/wrtc"};
const {RTCPeerConnection} = require(modules[stack]);
const write = value => process.stdout.write(JSON.stringify(value) + "\n");

// Without servers werift asks one of its own choice, in vain in our namespace: let it give up after 50 ms.
const pc = new RTCPeerConnection(stack === "werift" ? {iceServers: [], iceStunGatherTimeout: 0.05} : {});
const channels = {}, inbox = {};
let waiters = [];
const wake = () => { const woken = waiters; waiters = []; for (const w of woken) w(); };
const until = async (predicate, what) => {
  const deadline = Date.now() + 40000;
  while (!predicate()) {
    if (Date.now() > deadline) throw new Error(
      `${stack}: ${what} did not happen; connection ${pc.connectionState}, ice ${pc.iceConnectionState}, channels `
      + JSON.stringify(Object.fromEntries(Object.entries(channels).map(([k, c]) => [k, c.readyState]))));
    await new Promise(resolve => { waiters.push(resolve); setTimeout(resolve, 50); });
  }
};
const adopt = channel => {
  channel.binaryType = "arraybuffer";
  channels[channel.label] = channel; inbox[channel.label] ??= [];
  channel.onmessage = event => {
    const data = event.data;
    inbox[channel.label].push(typeof data === "string" ? ["s", data] : ["b", Buffer.from(data).toString("base64")]);
    wake();
  };
  channel.onopen = channel.onclose = channel.onerror = wake;
  wake();
};
pc.ondatachannel = event => adopt(event.channel ?? event);
pc.onconnectionstatechange = pc.oniceconnectionstatechange = wake;
pc.onicecandidate = event => {
  const c = event.candidate;
  write({candidate: c ? (c.toJSON ? c.toJSON() : {candidate: c.candidate, sdpMid: c.sdpMid, sdpMLineIndex: c.sdpMLineIndex}) : null});
};
const calls = {
  createChannel: (label, options) => adopt(pc.createDataChannel(label, options)),
  offer: async iceRestart => {
    await pc.setLocalDescription(await pc.createOffer(iceRestart ? {iceRestart} : {}));
    return pc.localDescription.sdp;
  },
  answer: async sdp => {
    await pc.setRemoteDescription({type: "offer", sdp});
    await pc.setLocalDescription(await pc.createAnswer());
    return pc.localDescription.sdp;
  },
  accept: async sdp => { await pc.setRemoteDescription({type: "answer", sdp}); },
  addCandidate: async candidate => {
    if (candidate && candidate.candidate) await pc.addIceCandidate(candidate);
  },
  waitOpen: async label => {
    await until(() => channels[label]?.readyState === "open", `open of ${label}`);
    const c = channels[label];
    const unset = value => value === 65535 ? null : value ?? null;  // what this old libwebrtc says when it was not set
    return [c.label, c.protocol, c.id, c.ordered, unset(c.maxRetransmits), unset(c.maxPacketLifeTime), c.negotiated];
  },
  waitClosed: label => until(() => channels[label]?.readyState === "closed", `close of ${label}`),
  send: async (label, messages) => {
    const channel = channels[label];
    for (const [kind, value] of messages) {
      await until(() => channel.bufferedAmount < 4194304, "drain");
      channel.send(kind === "s" ? value : Buffer.from(value, "base64"));
    }
  },
  receive: async (label, count) => {
    const came = () => (inbox[label] ?? []).length;
    await until(() => came() >= count, `message ${count} on ${label} (${came()} came)`);
    return inbox[label].splice(0, count);
  },
  closeChannel: label => channels[label].close(),
  channelState: label => channels[label]?.readyState ?? "none",
  waitConnectionState: async states => {
    await until(() => states.includes(pc.connectionState), `connection state ${states}`);
    return pc.connectionState;
  },
  gathered: async () => {
    await until(() => pc.iceGatheringState === "complete", "end of gathering");
    return pc.localDescription.sdp;
  },
  close: async () => { await pc.close(); },
};
require("readline").createInterface({input: process.stdin}).on("line", async line => {
  const {id, call, args} = JSON.parse(line);
  try { write({id, result: (await calls[call](...args)) ?? null}); }
  catch (error) { write({id, error: String(error && error.message || error)}); }
}).on("close", () => process.exit(0));
