/** What the tools of macOS and Windows print is recorded; neither system can run here. */

import { expect, test } from "bun:test";
import {
  appleGpuOf,
  cpuTimeOf,
  displaysOf,
  idleMsOf,
  powerOf as macosPowerOf,
  programsOf as macosPrograms,
  systemOf,
} from "./macos.ts";
import { gpusOf, powerOf as windowsPowerOf, programsOf as windowsPrograms } from "./windows.ts";

test("pmset tells the supply and the charge", () => {
  const battery = `Now drawing from 'Battery Power'
 -InternalBattery-0 (id=4653155)\t87%; discharging; 5:12 remaining present: true`;
  expect(macosPowerOf(battery)).toEqual({ isOnMains: false, batteryPercent: 87 });
  expect(macosPowerOf(battery.replace("Battery Power", "AC Power")))
    .toEqual({ isOnMains: true, batteryPercent: 87 });
  expect(macosPowerOf("Now drawing from 'AC Power'\n"))
    .toEqual({ isOnMains: true, batteryPercent: null });
  expect(macosPowerOf(null)).toBeNull();
});

test("ioreg tells how long nobody has used keyboard or mouse", () => {
  const text = `    | |   "HIDIdleTime" = 61234567890\n    | |   "HIDParameters" = {}`;
  expect(idleMsOf(text)).toBe(61_234.56789);
  expect(idleMsOf("")).toBeNull();
});

test("ps lists programs by their executables' names, and processor time in minutes or hours", () => {
  const listed = `    1     0 /sbin/launchd
  612     1 /Applications/LM Studio.app/Contents/MacOS/LM Studio
  700   612 /usr/bin/some tool`;
  expect(macosPrograms(listed)?.map(({ name }) => name))
    .toEqual(["launchd", "LM Studio", "some tool"]);
  const times = "    1   0:10.50\n  612   1:02:03.00\n  700  99:00.00";
  expect(cpuTimeOf(new Set([1, 612]), times)?.own).toBe(10_500 + 3_723_000);
});

test("Windows tells the supply, and that a machine has no battery", () => {
  expect(windowsPowerOf("Offline 45 0\r\n")).toEqual({ isOnMains: false, batteryPercent: 45 });
  expect(windowsPowerOf("Online 100 High, Charging")).toEqual({
    isOnMains: true,
    batteryPercent: 100,
  });
  expect(windowsPowerOf("Unknown 255 NoSystemBattery")).toEqual({
    isOnMains: true,
    batteryPercent: null,
  });
  expect(windowsPowerOf(null)).toBeNull();
});

test("Windows lists programs with their parents", () => {
  expect(windowsPrograms("4 0 System\r\n1234 4 steam.exe\r\n\r\n")).toEqual([
    { pid: 4, parentPid: 0, name: "System" },
    { pid: 1234, parentPid: 4, name: "steam.exe" },
  ]);
});

test("macOS tells its version and its graphics processors, Apple's with the memory that they share", () => {
  expect(systemOf("15.1.1\n")).toBe("macOS 15.1.1");
  expect(systemOf(null)).toBeNull();
  expect(appleGpuOf("Apple M2 Max\n68719476736\n"))
    .toEqual([{ name: "Apple M2 Max", memoryBytes: 64 * 2 ** 30 }]);
  expect(appleGpuOf("Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz\n17179869184\n")).toBeNull();
  expect(appleGpuOf(null)).toBeNull();
  const displays = {
    SPDisplaysDataType: [
      { _name: "kHW_IntelUHDGraphics630Item", sppci_model: "Intel UHD Graphics 630" },
      {
        _name: "kHW_AMDRadeonPro5300MItem",
        sppci_model: "AMD Radeon Pro 5300M",
        spdisplays_vram: "4 GB",
      },
    ],
  };
  expect(displaysOf(JSON.stringify(displays))).toEqual([
    { name: "Intel UHD Graphics 630", memoryBytes: null },
    { name: "AMD Radeon Pro 5300M", memoryBytes: 4 * 2 ** 30 },
  ]);
  expect([null, "", "no JSON", '{"SPDisplaysDataType":7}'].map(displaysOf))
    .toEqual([null, null, null, null]);
});

test("Windows tells its graphics processors by their drivers, not those without memory", () => {
  expect(gpusOf("25757220864 AMD Radeon RX 7900 XTX\r\n Microsoft Remote Display Adapter\r\n"))
    .toEqual([{ name: "AMD Radeon RX 7900 XTX", memoryBytes: 25_757_220_864 }]);
  expect(gpusOf(null)).toBeNull();
});
