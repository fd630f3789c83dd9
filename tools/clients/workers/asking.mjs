// What every worker of Node does: a line of JSON for each page that it is asked for, a line for what is seen.

import fs from "node:fs";
import readline from "node:readline";

export const PATIENCE = 15000;
export const SHAKEN = "shaken"; // what is printed where the answer is no page

// An exception as its user sees it, with what caused it.
const told = error => {
  const lines = [];
  for (; error; error = error.cause) lines.push(`${error.name ?? "Error"}: ${error.message}`);
  return lines.join("\n");
};

// Until no more is asked.
export const serve = async fetchers => {
  for await (const line of readline.createInterface({input: process.stdin})) {
    const task = JSON.parse(line);
    task.file = task.ca;
    task.ca = fs.readFileSync(task.ca, "utf8");
    task.socks = task.link.startsWith("socks");
    let text;
    try { text = await fetchers[process.argv[2]](task); } catch (error) { text = told(error); }
    process.stdout.write(JSON.stringify(text) + "\n");
  }
  process.exit(0);
};
