// Camera and microphone to the server, the listener's pictures from it. All of it on 127.0.0.1.
"use strict";

const PICTURE = 1, SOUND = 2, PORTRAIT = 3;   // first byte of a message, as in server.py
const SIDE = 320;                             // height of what is sent of a picture [pixels]
const CAMERA = 30;                            // pictures a second that are sent
const AWAY = 1e6;                             // bytes that may wait to be sent

const $ = (id) => document.getElementById(id);
const page = {
  socket: null, audio: null, stream: null, began: 0, attitude: "positive", person: 0, own: false,
  shown: [], latencies: [], recorder: null, timer: null, running: false,
};
const pen = $("listener").getContext("2d");
const camera = document.createElement("canvas");
const film = document.createElement("canvas");   // both faces side by side, to record
film.width = 512;
film.height = 256;

function say(text, bad = false) {
  const line = document.createElement("li");
  line.textContent = text;
  if (bad) line.className = "error";
  $("said").prepend(line);
  while ($("said").children.length > 4) $("said").lastChild.remove();
}

function order(words) {
  if (page.socket && page.socket.readyState === WebSocket.OPEN) page.socket.send(JSON.stringify(words));
}

function send(kind, at, bytes) {
  const socket = page.socket;
  if (!socket || socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > AWAY) return;
  const message = new Uint8Array(9 + bytes.byteLength);
  message[0] = kind;
  new DataView(message.buffer).setFloat64(1, at, true);
  message.set(new Uint8Array(bytes), 9);
  socket.send(message);
}

function connect() {
  return new Promise((resolve, reject) => {
    const address = new URL("socket", location.href);
    address.protocol = "ws:";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { page.socket = socket; resolve(); };
    socket.onerror = () => reject(new Error("The server does not answer; is it still running?"));
    socket.onclose = () => {
      if (page.socket === socket) {
        page.socket = null;
        stop();
        say("The connection has ended.");
      }
    };
    socket.onmessage = (event) => {
      if (typeof event.data === "string") told(JSON.parse(event.data));
      else show(event.data);
    };
  });
}

function told(words) {
  if (words.said) say(words.said);
  if (words.error) { say(words.error, true); if (!page.running) stop(); }
  if (words.busy) { page.socket = null; say(words.busy, true); stop(); }
  if (words.looked) {
    say(words.unfamiliar > 1
      ? `This face is ${words.unfamiliar.toFixed(1)} times as strange as the faces of the training; expect less.`
      : "Your photo listens.");
    if (page.audio) begin();
  }
  if (words.started) { page.running = true; document.body.classList.add("running"); }
}

async function show(data) {
  const number = new DataView(data).getFloat64(0, true);   // the moment that is answered [s]
  try {
    const picture = await createImageBitmap(new Blob([data.slice(8)], { type: "image/jpeg" }));
    pen.drawImage(picture, 0, 0, 256, 256);
    picture.close();
  } finally {
    order({ shown: number });   // the server sends no more than a few ahead of this
  }
  if (!page.audio) return;
  const now = performance.now();
  page.shown.push(now);
  page.latencies.push(page.audio.currentTime - page.began - number - 1 / 30);
  while (page.shown.length && page.shown[0] < now - 2000) { page.shown.shift(); page.latencies.shift(); }
  if (page.recorder) compose();
}

function compose() {
  const both = film.getContext("2d");
  const video = $("self"), side = Math.min(video.videoWidth, video.videoHeight);
  if (side) {
    both.drawImage(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side, 0, 0, 256, 256);
  }
  both.drawImage($("listener"), 256, 0);
}

function tell_pace() {
  if (!page.running) return;
  const seconds = Math.min(2, (performance.now() - page.since) / 1000);
  const sorted = [...page.latencies].sort((a, b) => a - b);
  const middle = sorted.length ? Math.round(1000 * sorted[sorted.length >> 1]) : null;
  const mute = performance.now() - page.since > 6000
    ? "no answer within 400 ms: this machine has too much else to do" : "listening…";
  $("pace").textContent = middle === null ? mute : `${Math.round(page.shown.length / seconds)} frames/s · answers after ${middle} ms`;
}

// ---- camera and microphone ----

async function open_devices() {
  const video = { width: 640, height: 480, frameRate: 30, facingMode: "user" };
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  for (const wanted of [{ video, audio }, { video }, { audio }]) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(wanted);
      if (!wanted.audio) say("No microphone: the listener answers your face alone.");
      if (!wanted.video) say("No camera: the listener answers your voice alone.");
      return stream;
    } catch (error) {
      page.trouble = error;
    }
  }
  throw new Error(`Neither camera nor microphone can be used (${page.trouble.name}).`);
}

async function start() {
  $("start").disabled = true;
  $("pace").textContent = "starting…";
  try {
    if (!page.socket) await connect();
    page.stream = await open_devices();
    page.audio = new AudioContext();
    await page.audio.resume();
    if (page.stream.getVideoTracks().length) {
      $("self").srcObject = page.stream;
      await $("self").play();
    }
    if (page.stream.getAudioTracks().length) await hear();
    $("start").firstChild.textContent = "Stop ";
    begin();
    page.timer = setInterval(see, 1000 / CAMERA);
    page.teller = setInterval(tell_pace, 500);
    $("record").disabled = !window.MediaRecorder;
  } catch (error) {
    say(error.message, true);
    stop();
  }
  $("start").disabled = false;
}

function begin() {
  page.began = page.audio.currentTime;
  page.since = performance.now();
  page.shown = [];
  page.latencies = [];
  const person = page.own ? null : page.person;
  order({ start: { rate: page.audio.sampleRate, fps: CAMERA, attitude: page.attitude, person } });
  order({ head: $("head").value, expression: $("expression").value });
}

async function hear() {
  await page.audio.audioWorklet.addModule("microphone.js");
  const source = page.audio.createMediaStreamSource(page.stream);
  const microphone = new AudioWorkletNode(page.audio, "microphone", { numberOfOutputs: 0 });
  source.connect(microphone);
  microphone.port.onmessage = ({ data }) => {
    const at = data.began - page.began;
    if (at >= 0) send(SOUND, at, data.samples);
    const samples = new Int16Array(data.samples);
    let power = 0;
    for (const x of samples) power += (x / 32768) ** 2;
    const level = 10 * Math.log10(power / samples.length + 1e-9);   // -90 .. 0
    $("level").style.height = `${Math.max(0, Math.min(100, (level + 60) * 1.9))}%`;
  };
}

function see() {
  const video = $("self");
  if (!video.videoWidth || !page.audio) return;
  const at = page.audio.currentTime - page.began;
  camera.height = SIDE;
  camera.width = Math.round(SIDE * video.videoWidth / video.videoHeight);
  camera.getContext("2d").drawImage(video, 0, 0, camera.width, camera.height);
  camera.toBlob(async (blob) => {
    if (blob) send(PICTURE, at, await blob.arrayBuffer());
  }, "image/jpeg", 0.85);
}

function stop() {
  clearInterval(page.timer);
  clearInterval(page.teller);
  if (page.recorder) page.recorder.stop();
  order({ stop: true });
  if (page.stream) page.stream.getTracks().forEach((track) => track.stop());
  if (page.audio) page.audio.close();
  page.stream = page.audio = null;
  page.running = false;
  $("self").srcObject = null;
  $("level").style.height = 0;
  $("start").firstChild.textContent = "Start ";
  $("record").disabled = true;
  $("pace").textContent = "not started";
  document.body.classList.remove("running");
}

// ---- recording: both faces and the speaker's sound ----

function record() {
  if (page.recorder) { page.recorder.stop(); return; }
  compose();
  const stream = film.captureStream(30);
  page.stream.getAudioTracks().forEach((track) => stream.addTrack(track));
  const recorder = new MediaRecorder(stream), parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  recorder.onstop = () => {
    page.recorder = null;
    $("record").classList.remove("on");
    $("record").firstChild.textContent = "Record ";
    if ($("download").href) URL.revokeObjectURL($("download").href);
    $("download").href = URL.createObjectURL(new Blob(parts, { type: recorder.mimeType }));
    $("download").hidden = false;
  };
  recorder.start(1000);
  page.recorder = recorder;
  $("record").classList.add("on");
  $("record").firstChild.textContent = "Stop recording ";
}

// ---- who listens, and how ----

function choose_attitude(name) {
  page.attitude = name;
  for (const button of document.querySelectorAll("[data-attitude]")) {
    button.setAttribute("aria-pressed", button.dataset.attitude === name);
  }
  order({ attitude: name });
}

function choose_person(index) {
  page.person = index;
  page.own = false;
  mark_person(index);
  $("name").textContent = names[index];
  still(`people/${index}.jpg`);
  if (page.audio) begin();
}

function mark_person(index) {
  [...$("people").children].forEach((button, i) => button.setAttribute("aria-pressed", i === index));
}

function still(address) {
  const picture = new Image();
  picture.onload = () => {
    const side = Math.min(picture.width, picture.height);
    pen.drawImage(picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, 256, 256);
  };
  picture.onerror = () => say("This is not a picture that can be read.", true);
  picture.src = address;
}

async function take_photo(file) {
  if (!file) return;
  try {
    if (!page.socket) await connect();
    still(URL.createObjectURL(file));
    const bytes = new Uint8Array(await file.arrayBuffer());
    const message = new Uint8Array(1 + bytes.length);
    message[0] = PORTRAIT;
    message.set(bytes, 1);
    page.socket.send(message);
    page.own = true;
    $("name").textContent = "Your photo";
    mark_person(-1);
  } catch (error) {
    say(error.message, true);
  }
}

let names = [];

async function arrive() {
  names = await (await fetch("people.json")).json();
  names.forEach((name, i) => {
    const button = document.createElement("button"), picture = document.createElement("img");
    button.title = picture.alt = name;
    picture.src = `people/${i}.jpg`;
    button.append(picture);
    button.onclick = () => choose_person(i);
    $("people").append(button);
  });
  choose_person(0);
}

$("start").onclick = () => (page.audio ? stop() : start());
$("record").onclick = record;
$("photo").onchange = (event) => take_photo(event.target.files[0]);
for (const button of document.querySelectorAll("[data-attitude]")) {
  button.onclick = () => choose_attitude(button.dataset.attitude);
}
for (const name of ["head", "expression"]) {
  $(name).oninput = () => {
    $(name).nextElementSibling.value = `× ${Number($(name).value).toFixed(1)}`;
    order({ [name]: $(name).value });
  };
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
  const attitude = { 1: "positive", 2: "neutral", 3: "negative" }[event.key];
  if (attitude) choose_attitude(attitude);
  if (event.key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); $("start").click(); }
  if (event.key === "r" && !$("record").disabled) record();
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take_photo(event.dataTransfer.files[0]);
  });
}
arrive().catch(() => say("The server does not answer; is it still running?", true));
