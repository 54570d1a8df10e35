// Hands the microphone's samples on, each stretch with the moment it began.
class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.kept = [];
    this.count = 0;
    this.began = 0;
  }

  process(inputs) {
    const channel = inputs[0][0];
    if (!channel) return true;
    if (this.count === 0) this.began = currentTime;
    this.kept.push(channel.slice());
    this.count += channel.length;
    if (this.count >= sampleRate / 40) {
      const samples = new Int16Array(this.count);
      let at = 0;
      for (const part of this.kept) {
        for (const x of part) samples[at++] = Math.max(-1, Math.min(1, x)) * 32767;
      }
      this.port.postMessage({ began: this.began, samples: samples.buffer }, [samples.buffer]);
      this.kept = [];
      this.count = 0;
    }
    return true;
  }
}
registerProcessor("microphone", Microphone);
