# A Hugging Face Docker Space on a GPU; the same image runs on a CPU: docker build -t seglab . && docker run -p 8501:8501 seglab
FROM python:3.12-slim

# Spaces run as UID 1000. No system packages: torch, Pillow, pi-heif and scikit-image bring what they need.
RUN useradd --create-home --uid 1000 user
USER user
WORKDIR /home/user/app

# MALLOC_*: see scripts/serve.py. NVIDIA_*: which GPUs and which of the driver's libraries the container toolkit hands in.
ENV HOME=/home/user \
    PATH=/home/user/.local/bin:$PATH \
    TORCH_HOME=/home/user/.cache/torch \
    PYTHONUNBUFFERED=1 \
    MALLOC_MMAP_THRESHOLD_=1073741824 \
    MALLOC_TRIM_THRESHOLD_=2147483647 \
    MALLOC_ARENA_MAX=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501

COPY --chown=user:user requirements.txt ./
RUN pip install --user --no-cache-dir -r requirements.txt && mkdir -p "$TORCH_HOME"
COPY --chown=user:user . ./

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

# Uploads carry a token in a cookie. A Space is shown in a frame of another site, where browsers that block third-party
# cookies (Safari, private windows, Debian's Chromium) drop it whatever its SameSite says, and every upload ends with 403:
# seen in Chromium with "none" over HTTPS. So the token isn't asked for in a Space (SPACE_ID is set there). What it guards
# isn't here: nobody logs in, an upload's address holds the session's secret id, and the origin check (CORS) stays on.
CMD ["sh", "-c", "if [ -n \"$SPACE_ID\" ]; then export STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION=false; fi; exec streamlit run app.py"]
