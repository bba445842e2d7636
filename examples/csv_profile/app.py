"""Upload a CSV file, get `202 Accepted` at once, watch its columns being profiled, fetch the profile.

$ uvicorn examples.csv_profile.app:app
"""

import io
from typing import Annotated

from fastapi import FastAPI, Form, UploadFile

from asyncendpoints import AsyncEndpoints, JobContext, JobError
from examples.csv_profile.profile import ColumnProfile, NotATable, Profile, profile_column, read_columns

jobs = AsyncEndpoints("memory://")
app = FastAPI(title="CSV profiler")
jobs.install(app)


@app.post("/profiles", tags=["profiles"])
@jobs.endpoint(timeout=300, max_body_bytes=32 * 1024 * 1024)
def profile_csv(
    file: UploadFile,
    job: JobContext,
    delimiter: Annotated[str, Form(min_length=1, max_length=1)] = ",",
) -> Profile:
    """Profile a CSV file column by column; a plain function runs in a thread and leaves the loop alone."""
    try:
        text = io.TextIOWrapper(file.file, encoding="utf-8-sig", newline="")
        header, columns = read_columns(text, delimiter)
    except (NotATable, UnicodeDecodeError) as error:
        raise JobError("The file is not a CSV table", status=422, detail=str(error)) from error
    profiles: list[ColumnProfile] = []
    for number, (name, values) in enumerate(zip(header, columns, strict=True), start=1):
        profiles.append(profile_column(name, values))
        job.from_thread.progress(100 * number / len(header), f"column {number} of {len(header)}: {name}")
    return Profile(filename=file.filename or "", rows=len(columns[0]), columns=profiles)
