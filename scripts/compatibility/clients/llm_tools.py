def write_note(text: str) -> str:
    "Writes note.txt."
    with open("note.txt", "w") as file:
        file.write(text)
    return "written"
