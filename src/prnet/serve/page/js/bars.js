// The curves as bars, one a name; made once, moved often.

export class Bars {
  constructor(parent, names) {
    this.meters = names.map((name) => {
      const label = document.createElement("label"), text = document.createElement("span");
      const meter = document.createElement("meter");
      text.textContent = name;
      meter.max = 1;
      label.append(text, meter);
      parent.append(label);
      return meter;
    });
  }

  show(values) {
    values.forEach((value, i) => {
      if (Math.abs(this.meters[i].value - value) > 0.004) this.meters[i].value = value;
    });
  }
}
