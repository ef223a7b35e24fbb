import { ActionIcon, Menu, Tooltip, useMantineColorScheme } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconBell, IconChartHistogram, IconChecklist, IconClipboardCheck, IconCoin, IconCommand, IconCpu, IconDatabaseSearch, IconDeviceDesktop, IconEyeOff, IconKeyboard, IconLayoutDashboard, IconLogout, IconMenu2, IconMessage2Code, IconMessages, IconMoon, IconSettings, IconStack2, IconSun, IconTable, IconWaveSine,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { createContext, lazy, type ReactNode, Suspense, use, useEffect } from "react";
import { signOut, useAuth } from "../api/auth";
import { closeSession, queryClient, sessionQuery } from "../api/queries";
import { useGoTo } from "./goto";
import { useKeys } from "./keys";
import { Late } from "./Late";
import { Logo } from "./Logo";
import { loadHelp, loadMenu, loadPalette } from "./pages";
import { useRowKeys } from "./rows";
import styles from "./Shell.module.css";

/** The pages, in the order of the navigation. A page is listed when it exists. */
const PAGES = [
  { to: "/overview", label: "Overview", icon: IconChartHistogram },
  { to: "/traces", label: "Traces", icon: IconStack2 },
  { to: "/conversations", label: "Conversations", short: "Sessions", icon: IconMessages },
  { to: "/cost", label: "Cost", icon: IconCoin },
  { to: "/prompts", label: "Prompts", icon: IconMessage2Code },
  { to: "/datasets", label: "Datasets", icon: IconTable },
  { to: "/review", label: "Review", icon: IconClipboardCheck },
  { to: "/quality", label: "Quality", icon: IconChecklist },
  { to: "/gpus", label: "GPUs", icon: IconCpu },
  { to: "/drift", label: "Drift", icon: IconWaveSine },
  { to: "/privacy", label: "Privacy", icon: IconEyeOff },
  { to: "/alerts", label: "Alerts", icon: IconBell },
  { to: "/sql", label: "SQL", icon: IconDatabaseSearch },
  { to: "/dashboards", label: "Dashboards", short: "Boards", icon: IconLayoutDashboard },
  { to: "/settings", label: "Settings", icon: IconSettings },
] as const;

const ADDRESSES = PAGES.map((page) => page.to);

const Palette = lazy(async () => ({ default: (await loadPalette()).Palette }));
const HelpDialog = lazy(async () => ({ default: (await loadHelp()).HelpDialog }));
const MenuDrawer = lazy(async () => ({ default: (await loadMenu()).MenuDrawer }));

interface ShellControls {
  openHelp: () => void;
  openMenu: () => void;
  openPalette: () => void;
}
const Controls = createContext<ShellControls>({ openHelp: () => undefined, openMenu: () => undefined, openPalette: () => undefined });

export function Shell({ children }: { children: ReactNode }) {
  const [help, helpActions] = useDisclosure();
  const [menu, menuActions] = useDisclosure();
  const [palette, paletteActions] = useDisclosure();
  const navigate = useNavigate();
  useKeys({ "?": helpActions.open });
  useRowKeys();
  useGoTo(ADDRESSES, (address) => void navigate({ to: address }));
  const { toggle: togglePalette } = paletteActions;
  useEffect(() => {
    // Also from within a field.
    const listen = (event: KeyboardEvent): void => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k") return;
      event.preventDefault();
      togglePalette();
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [togglePalette]);
  return (
    <Controls value={{ openHelp: helpActions.open, openMenu: menuActions.open, openPalette: paletteActions.open }}>
      <a className={styles["skip"]} href="#main">Skip to content</a>
      <div className={styles["shell"]}>
        <nav className={styles["rail"]} aria-label="Pages">
          <Link to="/overview" className={styles["logo"]} aria-label="Spanglass"><Logo /></Link>
          {PAGES.map((page) => (
            <Link key={page.to} to={page.to} className={styles["railLink"]}>
              <page.icon size={20} stroke={1.6} aria-hidden />
              <span title={page.label}>{"short" in page ? page.short : page.label}</span>
            </Link>
          ))}
          <div className={styles["railEnd"]}><SignOut /></div>
        </nav>
        <main id="main" className={styles["main"]} tabIndex={-1}>{children}</main>
      </div>
      <Late opened={help}>{(opened) => <HelpDialog opened={opened} pages={PAGES} onClose={helpActions.close} />}</Late>
      {palette && <Suspense><Palette pages={PAGES} onClose={paletteActions.close} onHelp={helpActions.open} /></Suspense>}
      <Late opened={menu}>{(opened) => <MenuDrawer opened={opened} pages={PAGES} onClose={menuActions.close}><SignOut named /></MenuDrawer>}</Late>
    </Controls>
  );
}

/** The strip on top of a page: what it is, and what steers it. */
export function PageBar({ title, children }: { title: ReactNode; children?: ReactNode }) {
  const { openHelp, openMenu, openPalette } = use(Controls);
  return (
    <header className={styles["bar"]}>
      <ActionIcon className={styles["menuButton"]} variant="subtle" color="gray" onClick={openMenu} aria-label="Menu">
        <IconMenu2 size={19} stroke={1.6} />
      </ActionIcon>
      <div className={styles["title"]}>{title}</div>
      <div className={styles["actions"]}>
        {children}
        <Tooltip label="Commands (Ctrl K)">
          <ActionIcon variant="subtle" color="gray" onClick={openPalette} aria-label="Commands">
            <IconCommand size={19} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
        <ThemeMenu />
        <Tooltip label="Keyboard shortcuts (?)">
          <ActionIcon className={styles["helpButton"]} variant="subtle" color="gray" onClick={openHelp} aria-label="Keyboard shortcuts">
            <IconKeyboard size={19} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
      </div>
    </header>
  );
}

const SCHEMES = [
  { value: "light", label: "Light", icon: IconSun },
  { value: "dark", label: "Dark", icon: IconMoon },
  { value: "auto", label: "As the system", icon: IconDeviceDesktop },
] as const;

function ThemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const chosen = SCHEMES.find((scheme) => scheme.value === colorScheme) ?? SCHEMES[2];
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={`Theme: ${chosen.label}`}>
          <chosen.icon size={19} stroke={1.6} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {SCHEMES.map((scheme) => (
          <Menu.Item
            key={scheme.value}
            leftSection={<scheme.icon size={16} stroke={1.6} />}
            onClick={() => setColorScheme(scheme.value)}
            data-chosen={scheme.value === colorScheme || undefined}
          >
            {scheme.label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function SignOut({ named = false }: { named?: boolean }) {
  const { key } = useAuth();
  const { data: session } = useQuery(sessionQuery);
  if (!key && !session?.account) return null;
  const leave = async (): Promise<void> => {
    // What was asked with a key has no session.
    if (!key) await closeSession().catch(() => undefined);
    signOut();
    queryClient.clear();
  };
  return (
    <button type="button" className={named ? styles["drawerLink"] : styles["railLink"]} onClick={() => void leave()} title={session?.account ? `Signed in as ${session.account}` : undefined}>
      <IconLogout size={named ? 20 : 19} stroke={1.6} aria-hidden />
      <span>Sign out</span>
    </button>
  );
}
