/* A small libnvidia-ml: what the real pynvml loads in tests, built from this file by gcc.
 *
 * What it answers is in the file that NVML_STUB names: lines of `key=value`, read again whenever
 * the file changes. `3.power=250000` counts for board 3, `*.power=250000` for all. Values are in
 * NVML's own units. Without a line there is a default that moves with time.
 *
 *   boards=8            how many; driver=535.1; open=9 makes nvmlInit fail with that error
 *   0.lost=1            each call about the board answers GPU_IS_LOST
 *   0.block=fan         that call does not come back while the line is there
 *   *.refuse=fan:3      that call answers with error 3 (NOT_SUPPORTED); several with commas
 *   0.mig=2             instances of the board
 *   0.processes=77:1048576,78:0
 *   0.xid=79            an event, once for each value
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OK 0
#define UNINITIALIZED 1
#define INVALID 2
#define NOT_SUPPORTED 3
#define NOT_FOUND 6
#define TOO_SMALL 7
#define TIMEOUT 10
#define LOST 15
#define BOARDS 16
#define PARTS 8

typedef struct { int board, part; } dev;
static dev devices[BOARDS][PARTS];
static char *text;
static time_t seen_s;
static long seen_ns, seen_size = -1;
static int is_open, xids[BOARDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* At most every 10 ms: the stub must not be what a measurement of the agent's cost measures. */
static void reload(void) {
    const char *path = getenv("NVML_STUB");
    static double next;
    struct stat about;
    double at = now();
    if (at < next) return;
    next = at + 0.01;
    if (!path || stat(path, &about)) return;
    if (about.st_mtim.tv_sec == seen_s && about.st_mtim.tv_nsec == seen_ns &&
        about.st_size == seen_size) return;
    seen_s = about.st_mtim.tv_sec; seen_ns = about.st_mtim.tv_nsec; seen_size = about.st_size;
    FILE *file = fopen(path, "r");
    if (!file) return;
    free(text);
    text = calloc(1, about.st_size + 2);
    text[0] = '\n';
    size_t got = fread(text + 1, 1, about.st_size, file);
    text[got + 1] = 0;
    fclose(file);
}

/* The value of a key, or NULL. `out` has room for 200 characters. */
static char *find(const char *who, const char *key, char *out) {
    char wanted[100];
    snprintf(wanted, sizeof wanted, "\n%s%s%s=", who, *who ? "." : "", key);
    pthread_mutex_lock(&lock);
    reload();
    char *at = text ? strstr(text, wanted) : NULL;
    if (at) {
        at += strlen(wanted);
        size_t size = strcspn(at, "\n");
        if (size > 199) size = 199;
        memcpy(out, at, size);
        out[size] = 0;
    }
    pthread_mutex_unlock(&lock);
    return at ? out : NULL;
}

static char *told(dev *d, const char *key, char *out) {
    char who[20];
    if (d->part) {
        snprintf(who, sizeof who, "%d/%d", d->board, d->part);
        return find(who, key, out);
    }
    snprintf(who, sizeof who, "%d", d->board);
    char *found = find(who, key, out);
    return found ? found : find("*", key, out);
}

static unsigned long long num(dev *d, const char *key, unsigned long long otherwise) {
    char out[200];
    return told(d, key, out) ? strtoull(out, NULL, 10) : otherwise;
}

/* What a call about a device answers, before anything else is looked at. */
static int first(dev *d, const char *call) {
    char out[200], *at;
    if (!is_open) return UNINITIALIZED;
    if (!d) return INVALID;
    while (told(d, "block", out) && !strcmp(out, call)) usleep(5000);
    if (num(d, "lost", 0)) return LOST;
    if (told(d, "refuse", out))
        for (at = strtok(out, ","); at; at = strtok(NULL, ",")) {
            char *code = strchr(at, ':');
            if (code && (size_t)(code - at) == strlen(call) && !strncmp(at, call, code - at))
                return atoi(code + 1);
        }
    return OK;
}
#define FIRST(call) do { int r = first(d, call); if (r) return r; } while (0)

static int boards(void) {
    char out[200];
    return find("", "boards", out) ? atoi(out) : 1;
}

int nvmlInitWithFlags(unsigned flags) {
    char out[200];
    (void)flags;
    if (find("", "open", out)) return atoi(out);
    for (int b = 0; b < BOARDS; b++)
        for (int p = 0; p < PARTS; p++) devices[b][p] = (dev){b, p};
    is_open = 1;
    return OK;
}
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { is_open = 0; return OK; }
const char *nvmlErrorString(int code) {
    switch (code) {
    case 3: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case 9: return "Driver Not Loaded";
    case 10: return "Timeout";
    case 15: return "GPU is lost";
    default: return "Unknown Error";
    }
}
int nvmlSystemGetDriverVersion(char *out, unsigned size) {
    char value[200];
    snprintf(out, size, "%s", find("", "driver", value) ? value : "575.57.08");
    return is_open ? OK : UNINITIALIZED;
}
int nvmlDeviceGetCount_v2(unsigned *out) {
    char value[200];
    if (find("", "gone", value)) { is_open = 0; return UNINITIALIZED; }
    *out = boards();
    return is_open ? OK : UNINITIALIZED;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, dev **out) {
    if (!is_open) return UNINITIALIZED;
    if ((int)index >= boards()) return INVALID;
    *out = &devices[index][0];
    return OK;
}
static void uuid_of(dev *d, char *out, unsigned size) {
    if (d->part) snprintf(out, size, "MIG-%08d-0000-0000-0000-%012d", d->board, d->part);
    else snprintf(out, size, "GPU-%08d-0000-0000-0000-000000000000", d->board);
}
int nvmlDeviceGetHandleByUUID(const char *uuid, dev **out) {
    char name[96];
    for (int b = 0; b < boards(); b++) {
        uuid_of(&devices[b][0], name, sizeof name);
        if (!strcmp(name, uuid)) { *out = &devices[b][0]; return is_open ? OK : UNINITIALIZED; }
    }
    return NOT_FOUND;
}
int nvmlDeviceGetUUID(dev *d, char *out, unsigned size) {
    FIRST("uuid");
    uuid_of(d, out, size);
    return OK;
}
int nvmlDeviceGetName(dev *d, char *out, unsigned size) {
    FIRST("name");
    snprintf(out, size, d->part ? "Stub 80GB MIG 1g.10gb" : "Stub 80GB");
    return OK;
}
int nvmlDeviceGetSerial(dev *d, char *out, unsigned size) {
    FIRST("serial");
    snprintf(out, size, "16%08d", d->board);
    return OK;
}
int nvmlDeviceGetVbiosVersion(dev *d, char *out, unsigned size) {
    FIRST("vbios");
    snprintf(out, size, "96.00.89.00.01");
    return OK;
}
int nvmlDeviceGetUtilizationRates(dev *d, unsigned out[2]) {
    FIRST("utilization");
    out[0] = num(d, "utilization", 50);
    out[1] = num(d, "controller", 20);
    return OK;
}
int nvmlDeviceGetEncoderUtilization(dev *d, unsigned *out, unsigned *period) {
    FIRST("encoder");
    *out = 10; *period = 1000;
    return OK;
}
int nvmlDeviceGetDecoderUtilization(dev *d, unsigned *out, unsigned *period) {
    FIRST("decoder");
    *out = 5; *period = 1000;
    return OK;
}
struct memory2 { unsigned version; unsigned long long total, reserved, free, used; };
int nvmlDeviceGetMemoryInfo_v2(dev *d, struct memory2 *out) {
    FIRST("memory2");
    out->total = 80ULL << 30;
    out->reserved = 600ULL << 20;
    out->used = num(d, "memory", 20ULL << 30);
    out->free = out->total - out->reserved - out->used;
    return OK;
}
int nvmlDeviceGetMemoryInfo(dev *d, unsigned long long out[3]) {
    FIRST("memory");
    out[0] = 80ULL << 30;
    out[2] = num(d, "memory", 20ULL << 30);
    out[1] = out[0] - out[2];
    return OK;
}
int nvmlDeviceGetPowerUsage(dev *d, unsigned *out) {
    FIRST("power");
    *out = num(d, "power", 300000);
    return OK;
}
int nvmlDeviceGetEnforcedPowerLimit(dev *d, unsigned *out) {
    FIRST("limit");
    *out = num(d, "limit", 700000);
    return OK;
}
int nvmlDeviceGetTotalEnergyConsumption(dev *d, unsigned long long *out) {
    FIRST("energy");
    *out = num(d, "energy", (unsigned long long)(now() * 300000));
    return OK;
}
int nvmlDeviceGetTemperature(dev *d, int sensor, unsigned *out) {
    FIRST("temperature");
    (void)sensor;
    *out = num(d, "temperature", 61);
    return OK;
}
int nvmlDeviceGetTemperatureThreshold(dev *d, int kind, unsigned *out) {
    FIRST("threshold");
    *out = kind ? 87 : 92;
    return OK;
}
int nvmlDeviceGetClockInfo(dev *d, int kind, unsigned *out) {
    FIRST("clock");
    *out = kind == 1 ? num(d, "clock", 1755) : 2619;
    return OK;
}
int nvmlDeviceGetCurrentClocksEventReasons(dev *d, unsigned long long *out) {
    FIRST("throttle");
    *out = num(d, "throttle", 0);
    return OK;
}
int nvmlDeviceGetFanSpeed(dev *d, unsigned *out) {
    FIRST("fan");
    *out = 42;
    return OK;
}
int nvmlDeviceGetTotalEccErrors(dev *d, int kind, int counter, unsigned long long *out) {
    FIRST("ecc");
    (void)counter;
    *out = kind ? num(d, "uncorrected", 0) : num(d, "corrected", 3);
    return OK;
}
int nvmlDeviceGetRemappedRows(dev *d, unsigned *c, unsigned *u, unsigned *pending, unsigned *bad) {
    FIRST("rows");
    *c = 1; *u = 0; *pending = num(d, "pending", 0); *bad = 0;
    return OK;
}
int nvmlDeviceGetPersistenceMode(dev *d, unsigned *out) {
    FIRST("persistence");
    *out = 1;
    return OK;
}
struct field { unsigned id, scope; long long time, latency; unsigned type; int result;
               union { double d; unsigned u; unsigned long long ull; } value; };
int nvmlDeviceGetFieldValues(dev *d, int count, struct field *out) {
    FIRST("fields");
    for (int i = 0; i < count; i++) {
        const char *key = out[i].id == 197 ? "pcie_tx" : out[i].id == 198 ? "pcie_rx"
            : out[i].id == 138 ? "nvlink_tx" : out[i].id == 139 ? "nvlink_rx" : "memory_temp";
        char value[200];
        out[i].result = told(d, key, value) ? OK : NOT_SUPPORTED;
        out[i].type = 3;
        out[i].value.ull = out[i].result ? 0 : strtoull(value, NULL, 10);
    }
    return OK;
}
int nvmlDeviceGetMigMode(dev *d, unsigned *current, unsigned *pending) {
    FIRST("mig");
    *current = *pending = num(d, "mig", 0) > 0;
    return OK;
}
int nvmlDeviceGetMaxMigDeviceCount(dev *d, unsigned *out) {
    FIRST("migcount");
    *out = PARTS - 1;
    return OK;
}
int nvmlDeviceGetMigDeviceHandleByIndex(dev *d, unsigned index, dev **out) {
    FIRST("mighandle");
    if (index >= num(d, "mig", 0)) return NOT_FOUND;
    *out = &devices[d->board][index + 1];
    return OK;
}
int nvmlDeviceGetGpuInstanceId(dev *d, unsigned *out) { FIRST("gi"); *out = d->part; return OK; }
int nvmlDeviceGetComputeInstanceId(dev *d, unsigned *out) { FIRST("ci"); *out = 0; return OK; }
struct process { unsigned pid; unsigned long long memory; unsigned gi, ci; };
static int processes(dev *d, const char *key, unsigned *count, struct process *out) {
    char value[200], *at;
    unsigned n = 0, room = *count;
    if (told(d, key, value))
        for (at = strtok(value, ","); at; at = strtok(NULL, ","), n++)
            if (out && n < room) {
                char *memory = strchr(at, ':');
                out[n].pid = atoi(at);
                out[n].memory = memory ? strtoull(memory + 1, NULL, 10) : ~0ULL;
            }
    *count = n;
    return n > room ? TOO_SMALL : OK;
}
int nvmlDeviceGetComputeRunningProcesses_v3(dev *d, unsigned *count, struct process *out) {
    FIRST("processes");
    return processes(d, "processes", count, out);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(dev *d, unsigned *count, struct process *out) {
    FIRST("graphics");
    return processes(d, "graphics", count, out);
}
struct sample { unsigned pid; unsigned long long time; unsigned sm, mem, enc, dec; };
int nvmlDeviceGetProcessUtilization(dev *d, struct sample *out, unsigned *count,
                                    unsigned long long since) {
    FIRST("shares");
    struct process found[16];
    unsigned n = 16;
    (void)since;
    processes(d, "processes", &n, found);
    if (!n) return NOT_FOUND;
    if (!out || *count < n) { *count = n; return TOO_SMALL; }
    for (unsigned i = 0; i < n; i++)
        out[i] = (struct sample){found[i].pid, (unsigned long long)(now() * 1e6), 30, 10, 0, 0};
    *count = n;
    return OK;
}
int nvmlEventSetCreate(void **out) { *out = &lock; return OK; }
int nvmlDeviceRegisterEvents(dev *d, unsigned long long types, void *set) {
    FIRST("events");
    (void)types; (void)set;
    return OK;
}
struct event { dev *device; unsigned long long type, data; unsigned gi, ci; };
int nvmlEventSetWait_v2(void *set, struct event *out, unsigned wait_ms) {
    (void)set;
    for (double end = now() + wait_ms / 1e3; now() < end; usleep(50000))
        for (int b = 0; b < boards(); b++) {
            int code = num(&devices[b][0], "xid", 0);
            if (code && code != xids[b]) {
                xids[b] = code;
                *out = (struct event){&devices[b][0], 8, code, 0, 0};
                return OK;
            }
        }
    return TIMEOUT;
}
